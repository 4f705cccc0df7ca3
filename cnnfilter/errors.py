"""Every error that cnnfilter raises on purpose, and the lookup that suggests the nearest name.

A message says what was got, what is needed, and what to try. Nothing below ``cnnfilter.cli`` prints or
exits: the command line maps each of these classes to an exit code in one place.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TypeVar

Value = TypeVar("Value")


class CnnFilterError(Exception):
    """The root: catch this to catch everything that cnnfilter refuses."""


class ShapeError(CnnFilterError, ValueError):
    """Sizes that do not fit together: the message shows the sum that failed."""


class ParameterError(CnnFilterError, ValueError):
    """A value of the wrong form or outside its range."""


class UnknownNameError(CnnFilterError, LookupError):
    """A name that no table holds: the message gives the closest ones."""


class KernelFileError(CnnFilterError):
    """A kernel or network file that breaks its schema: path, line and dotted field.

    Parameters
    ----------
    path
        The file, as the user named it.
    reason
        What was found and what was expected.
    line
        Line number, from 1, where one is known.
    field
        Dotted path of the value, such as ``kernels.edge.matrix``.
    steps
        The keys and indices that lead to what is wrong, where they are known.
    """

    def __init__(
        self, path: str, reason: str, *, line: int | None = None, field: str = "", steps: tuple[str | int, ...] = ()
    ) -> None:
        self.path, self.reason, self.line, self.field, self.steps = path, reason, line, field, steps
        self.what = f"{field}: {reason}" if field else reason
        super().__init__(f"{self.where}: {self.what}")

    def __reduce__(self) -> tuple[partial[KernelFileError], tuple[str, str]]:
        again = partial(type(self), line=self.line, field=self.field, steps=self.steps)
        return again, (self.path, self.reason)  # as it was made, when it comes from another process

    @property
    def where(self) -> str:
        """The file, and the line where it is known: ``mine.yaml:3``."""
        return self.path if self.line is None else f"{self.path}:{self.line}"


class ImageError(CnnFilterError):
    """An input that cannot be read as an image or a grid of numbers."""


class OutputError(CnnFilterError):
    """Results that have nowhere to go: names that collide, an output that is an input."""


class ResourceError(CnnFilterError):
    """Out of disk, memory or permission."""


class MissingExtraError(CnnFilterError):
    """An optional dependency that is not installed: the message has the line that installs it."""


class LayoutWarning(UserWarning):
    """An array whose channels seem to come last was taken with its channels first."""


def closest(name: str, names: list[str], count: int = 3) -> list[str]:
    """Return up to `count` of `names` that look like `name`, best first."""
    import difflib  # 10 ms, and only a mistake needs it

    return difflib.get_close_matches(name, names, n=count, cutoff=0.6)


def lookup(table: Mapping[str, Value], name: str, what: str) -> Value:
    """Return ``table[name]``, or say which names come close.

    Parameters
    ----------
    table
        Names and what they stand for.
    name
        The name as the user typed it.
    what
        The kind of thing that the table holds, for the message.

    Raises
    ------
    UnknownNameError
        If `name` is not in `table`.

    Examples
    --------
    >>> lookup({"max": 1, "min": 2}, "mix", "pooling")
    Traceback (most recent call last):
        ...
    cnnfilter.errors.UnknownNameError: unknown pooling 'mix' (did you mean min or max?)
    """
    name = str(name)
    if name in table:
        return table[name]
    near = closest(name, list(table))
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(sorted(table))}"
    raise UnknownNameError(f"unknown {what} {name!r} ({hint})")
