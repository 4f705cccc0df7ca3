"""What the name of a grid's file says, and its first bytes; no NumPy is needed to look."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from cnnfilter.errors import ShapeError

#: How a name ends, and what it then holds.
GRID_EXTENSIONS = {".csv": "csv", ".tsv": "csv", ".txt": "csv", ".json": "json", ".npy": "npy", ".npz": "npz"}


def split_member(path: str | Path) -> tuple[Path, str]:
    """Return the file and the array's name of ``file.npz#name``; a file of that very name comes first.

    Examples
    --------
    >>> file, name = split_member("maps.npz#sobel-x")
    >>> file.name, name
    ('maps.npz', 'sobel-x')
    """
    text = str(path)
    at = text.lower().rfind(".npz#")
    if at < 0 or Path(text).exists():
        return Path(path), ""
    return Path(text[: at + 4]), text[at + 5 :]


def sniff_grid(data: bytes, name: str) -> str:
    """Return the format of a grid, from its first bytes and then from how its name ends."""
    if data.startswith(b"\x93NUMPY"):
        return "npy"
    if data.startswith(b"PK\x03\x04"):
        return "npz"
    if any(data.startswith(sign + b"cnnfilter words: ") for sign in (b"// ", b"; ", b"/* ")):
        return {b"//": "mem", b"; ": "coe", b"/*": "h"}[data[:2]]
    form = GRID_EXTENSIONS.get(Path(name).suffix.lower(), "")
    if form in ("", "csv") and data.lstrip()[:1] in (b"[", b"{"):
        return "json"
    return form if form in ("csv", "json") else "csv"


def check_stack(shapes: Iterable[tuple[int, ...]]) -> None:
    """Raise unless all maps of a stack are of one shape.

    Raises
    ------
    ShapeError
        With the shapes.
    """
    found = sorted(set(shapes))
    if len(found) > 1:
        raise ShapeError(
            f"maps of different shapes cannot be stacked: {', '.join(map(str, found))} "
            "(write npz, or use kernels of one size or --padding same)"
        )
