"""Networks that classify every pixel of an image."""
