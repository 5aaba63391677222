"""Training, validation and test told apart, with the overlap between them."""
