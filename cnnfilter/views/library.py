"""The kernel library as a list."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cnnfilter.library.catalog import Entry


def _typed(entry: Entry) -> str:
    """Return how an entry is typed."""
    return f"bank:{entry.name}" if entry.kind == "bank" else entry.name


def print_names(found: Sequence[Entry]) -> None:
    """Print one name a line."""
    sys.stdout.write("".join(f"{_typed(entry)}\n" for entry in found))


def print_json(found: Sequence[Entry]) -> None:
    """Print the entries for machines."""
    rows = [
        {
            "name": _typed(entry), "title": entry.title, "family": entry.family, "source": entry.source,
            "aliases": list(entry.aliases), "path": entry.path,
        }
        for entry in found
    ]  # fmt: skip
    sys.stdout.write(json.dumps({"kernels": rows}, indent=2) + "\n")


def print_list(found: Sequence[Entry]) -> None:
    """Print a table: name, family, title."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    from cnnfilter.views.console import console

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("kernel", no_wrap=True)
    table.add_column("family", no_wrap=True, style="dim")
    table.add_column("what it is")
    for entry in sorted(found, key=lambda one: (one.kind == "bank", one.family, one.name)):
        table.add_row(Text(_typed(entry)), Text(entry.family), Text(entry.title))
    console().print(table)
    kernels = sum(entry.kind == "kernel" for entry in found)
    console().print(
        f"{_counted(kernels, 'kernel')}, {_counted(len(found) - kernels, 'bank')}. "
        "'cnnfilter kernels show NAME' tells more.",
        style="dim",
    )


def _counted(count: int, what: str) -> str:
    """Return a number of things.

    Examples
    --------
    >>> _counted(1, "bank"), _counted(0, "bank")
    ('1 bank', '0 banks')
    """
    return f"{count} {what}{'s' * (count != 1)}"
