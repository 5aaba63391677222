"""`python -m spectile`."""

from spectile.cli import main

# Processes that a fit on several devices starts import this module anew.
if __name__ == "__main__":
    main()
