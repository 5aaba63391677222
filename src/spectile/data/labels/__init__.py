"""What the pixels of a scene and of images are: classes, their names and colours."""
