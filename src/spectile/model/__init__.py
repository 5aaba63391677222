"""A trained model and its file, which runs no code when it is read."""
