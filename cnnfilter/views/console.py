"""Where views are printed: standard output for results, standard error for everything about them."""

from __future__ import annotations

import os
import shutil
import sys
from functools import cache

from rich.console import Console

#: Columns when the output is no terminal: wide enough that rows stay whole.
PIPE_WIDTH = 160


@cache
def console(*, stderr: bool = False) -> Console:
    """Return the console for results, or the one for messages."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else PIPE_WIDTH
    if os.environ.get("COLUMNS", "").strip("0") == "" and "COLUMNS" in os.environ:  # says nothing
        width = shutil.get_terminal_size((PIPE_WIDTH, 40)).columns
    return Console(stderr=stderr, width=width, highlight=False, markup=False, emoji=False, soft_wrap=False)


def has_colours(out: Console) -> bool:
    """Say whether a console shows colours."""
    return out.color_system is not None and not out.no_color


def draws_blocks(out: Console) -> bool:
    """Say whether a console shows colours, and half blocks in them."""
    return has_colours(out) and out.encoding.startswith("utf")
