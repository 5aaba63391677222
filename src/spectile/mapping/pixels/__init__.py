"""Networks that classify every pixel: overlapping windows, blended."""
