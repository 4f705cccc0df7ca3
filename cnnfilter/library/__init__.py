"""The kernel library: names, files and formulas to weights.

The names below are imported when they are first used; listing names never imports NumPy.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cnnfilter.library.catalog import search_path
    from cnnfilter.library.kernel import FilterBank, Kernel
    from cnnfilter.library.load import load_kernel, load_kernels

_HOMES = {
    "FilterBank": "kernel",
    "Kernel": "kernel",
    "load_kernel": "load",
    "load_kernels": "load",
    "search_path": "catalog",
}

__all__ = ["FilterBank", "Kernel", "list_kernels", "load_kernel", "load_kernels", "search_path"]


def list_kernels(*, search: Sequence[str | Path] | None = None) -> list[str]:
    """Return the names of all kernels on the search path, sorted; broken files are passed over.

    Parameters
    ----------
    search
        Folders, first wins; the search path unless given.

    Examples
    --------
    >>> "sobel-x" in list_kernels()
    True
    """
    from cnnfilter.library.catalog import entries, folders

    return sorted({entry.name for entry in entries(folders(search)) if entry.kind == "kernel"})


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'cnnfilter.library' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"cnnfilter.library.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
