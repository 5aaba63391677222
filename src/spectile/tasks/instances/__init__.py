"""Objects in images: their task, and what it makes of images."""
