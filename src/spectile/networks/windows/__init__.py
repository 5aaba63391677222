"""Networks that classify the middle pixel of a window."""
