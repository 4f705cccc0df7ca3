"""Notes about inputs: what is the same for many of them is said once."""

from __future__ import annotations

from collections.abc import Sequence

from cnnfilter.files import printable, quoted

#: Inputs up to which each has its own line.
FEW = 3


def about(name: str, count: int = 1) -> str:
    """Return what a note is about: an input, and how many others.

    Examples
    --------
    >>> about("a.png"), about("a.png", 3)
    ("'a.png'", "'a.png' and 2 other inputs")
    """
    others = f" and {count - 1} other input{'s' * (count > 2)}" if count > 1 else ""
    return f"{quoted(name)}{others}"


def note_lines(notes: Sequence[tuple[str, str]]) -> list[str]:
    """Return the lines for pairs of an input and a note; a note that many inputs share is one line.

    Examples
    --------
    >>> note_lines([("a.png", "alpha is carried over"), ("a.png", "alpha is carried over")])
    ["cnnfilter: note: 'a.png': alpha is carried over"]
    """
    inputs: dict[str, dict[str, None]] = {}
    for name, note in notes:
        inputs.setdefault(note, {})[name] = None
    lines: dict[str, None] = {}
    for name, note in notes:
        names = inputs[note]
        subject = about(next(iter(names)), len(names)) if len(names) > FEW else about(name)
        lines[f"cnnfilter: note: {subject}: {printable(note)}"] = None
    return list(lines)
