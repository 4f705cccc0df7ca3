"""A learner's answers held against the key of a quiz, blank by blank, with the usual slips by name."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from cnnfilter.errors import ImageError, ParameterError
from cnnfilter.files import quoted
from cnnfilter.library.numbers import number

#: What an answer may be off by, relative to the number: it was rounded to three digits, say.
ROUNDED = 5e-3


class Mark(NamedTuple):
    """One blank: what it asks for, the number, the answer as it was typed, and what is to be said of it."""

    blank: str
    what: str
    value: float
    answer: str
    verdict: str

    @property
    def right(self) -> bool:
        """Whether the answer counts."""
        return self.verdict.startswith("right")


def is_key(name: str) -> bool:
    """Say whether a file is the key of a quiz: by its first line."""
    try:
        with Path(name).open(encoding="utf-8") as file:
            return file.readline(200).startswith("blank,what,value")
    except (OSError, UnicodeDecodeError):
        return False


def mark(key: str, answers: str) -> list[Mark]:
    """Return what is to be said of every blank.

    Parameters
    ----------
    key
        The file that ``explain --quiz`` wrote.
    answers
        A CSV whose rows begin with the blank and end with the number: ``(1),138``; other columns are passed over.

    Raises
    ------
    ImageError
        If a file cannot be read.
    ParameterError
        If there is no answer in it.
    """
    wanted = {row["blank"]: row for row in csv.DictReader(_lines(key))}
    given = {row[0].strip(): row[-1].strip() for row in csv.reader(_lines(answers)) if len(row) > 1}
    if not set(wanted) & set(given):
        raise ParameterError(f"{quoted(answers)}: answers none of {', '.join(wanted)} (write a line for each: (1),138)")
    values = {blank: float(row["value"]) for blank, row in wanted.items()}
    slips, marks = _slips(slips_beside(Path(key))), []
    for blank, row in wanted.items():
        answer = given.get(blank, "")
        verdict = _verdict(blank, answer, values, slips.get(blank, {}))
        marks.append(Mark(blank, row["what"], values[blank], answer, verdict))
    return marks


def slips_beside(key: Path) -> Path:
    """Return where it is told what the usual slips come to: beside a key, ``x.slips.json`` for ``x.key.csv``."""
    return key.with_name(f"{key.name.removesuffix('.csv').removesuffix('.key')}.slips.json")


def _slips(path: Path) -> dict[str, dict[str, float]]:
    """Return what the usual slips come to, blank by blank; nothing where nobody told."""
    if not path.is_file():
        return {}
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        return {blank: {str(name): float(value) for name, value in own.items()} for blank, own in told.items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ImageError(f"{quoted(path)}: cannot be read: {error}") from error


def _lines(name: str) -> list[str]:
    """Return the lines of a text file."""
    try:
        return Path(name).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ImageError(f"{quoted(name)}: {getattr(error, 'strerror', None) or error}") from error


def _verdict(blank: str, answer: str, values: Mapping[str, float], slips: Mapping[str, float]) -> str:
    """Say what one answer is; fractions count as the numbers that they are, and the most telling slip comes first."""
    value = values[blank]
    if not answer:
        return "no answer"
    try:
        found = number(answer)
    except ValueError:
        return "no number"
    if math.isclose(found, value, rel_tol=1e-6, abs_tol=1e-9):
        return "right"
    if math.isclose(found, value, rel_tol=ROUNDED):
        return "right, rounded"
    made = [name for name, one in slips.items() if math.isclose(found, one, rel_tol=1e-4, abs_tol=1e-9)]
    if made:
        return ", or ".join(made[:2])
    if value and math.isclose(found, -value, rel_tol=ROUNDED):
        return "the sign is wrong"
    other = next((name for name, one in values.items() if name != blank and math.isclose(found, one, rel_tol=1e-6)), "")
    if other:
        return f"that is {other}"
    return f"wrong by {found - value:g}"
