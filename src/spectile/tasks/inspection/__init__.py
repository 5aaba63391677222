"""A trained model watched at its work: what it is shown, and what is looked at."""
