"""Objects in images and scenes, each with a class and its own pixels."""
