"""What a notebook or a script has at hand; all of it is also there as ``spectile.NAME``."""
