"""Writing without harm: whole or not at all, one process at a time, over nothing of the user's."""

from spectile.files.aside import is_aside, not_writable, working_folder, write_aside
from spectile.files.lock import Lock
from spectile.files.names import check_ending, check_name
from spectile.files.outputs import check_not_input, check_output, existing_files

__all__ = [
    "Lock",
    "check_ending",
    "check_name",
    "check_not_input",
    "check_output",
    "existing_files",
    "is_aside",
    "not_writable",
    "working_folder",
    "write_aside",
]
