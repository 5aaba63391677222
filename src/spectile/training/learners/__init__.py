"""What Lightning fits: networks of windows, of images and of pixels."""
