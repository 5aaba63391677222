"""`python -m spectile`."""

from spectile.cli import main

main()
