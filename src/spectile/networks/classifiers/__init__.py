"""Networks that classify whole images, a family a file."""
