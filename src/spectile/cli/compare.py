"""`spectile compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spectile.cli.options import Overwrite


def compare(
    runs: Annotated[list[Path], typer.Argument(help="Run directories, the reference first.")],
    out: Annotated[Path | None, typer.Option(help="Write the page to this HTML file.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Show runs side by side, and how they differ where they were tested on the same splits."""
    from spectile.cli.printing import print_comparison
    from spectile.files import check_ending, check_output
    from spectile.reports.comparison_report import write_comparison
    from spectile.reports.page import is_page
    from spectile.runs.comparison import compare_runs

    if out is not None:
        check_ending(out, "a page", (".html",))
        check_output(out, ours=is_page, overwrite=overwrite, inputs=map(str, runs))
    comparison = compare_runs(runs)
    print_comparison(comparison)
    if out is not None:
        write_comparison(out, comparison)
        print(f"Page: {out}")
