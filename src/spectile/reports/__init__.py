"""Reports of runs: pages, figures, wording."""
