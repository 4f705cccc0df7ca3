"""What is remembered of every input: one line of strict JSON each, whatever bytes its name is made of."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import msgspec

from cnnfilter.batch.find import Found
from cnnfilter.files import printable

DONE, FAILED = "ok", "failed"


@dataclass(frozen=True, slots=True)
class Planned:
    """One input, and where its results go: the folder below the output, and the stem of their names."""

    key: str
    source: str
    size: int
    stamp: str
    folder: str
    stem: str
    reason: str = ""

    @classmethod
    def of(cls, found: Found, folder: str, stem: str) -> Planned:
        """Return an input with its place."""
        return cls(found.key, found.source, found.size, found.stamp, folder, stem, found.reason)


@dataclass(frozen=True, slots=True)
class Written:
    """One file that was written: its place below the output, its bytes, and their digest."""

    path: str
    size: int
    digest: str


@dataclass(frozen=True, slots=True)
class Record:
    """How one input came out.

    Attributes
    ----------
    job
        Fingerprint of the parameters and the program's version.
    key, size, stamp
        The input, as `Found` has it.
    state
        ``ok`` or ``failed``.
    reason
        Why it failed.
    outputs
        What was written.
    maps
        The summary row of each map.
    features
        Measures of each channel of each map, ``[map][channel][measure]``.
    """

    job: str
    key: str
    size: int
    stamp: str
    state: str
    reason: str = ""
    outputs: tuple[Written, ...] = ()
    maps: tuple[dict[str, Any], ...] = ()
    features: tuple[tuple[tuple[float, ...], ...], ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the record as plain values; empty parts are left out."""
        words = {"state": self.state, **name_fields("input", self.key), "size": self.size, "stamp": self.stamp}
        if self.reason:
            words["reason"] = printable(self.reason)
        if self.outputs:
            words["outputs"] = [
                {**name_fields("path", one.path), "size": one.size, "xxh3_128": one.digest} for one in self.outputs
            ]
        if self.maps:
            words["maps"] = list(self.maps)
        if self.features:
            words["features"] = self.features
        return {"job": self.job, **words}

    @classmethod
    def from_json(cls, words: Mapping[str, Any]) -> Record:
        """Return the record that `as_json` made."""
        return cls(
            words["job"],
            name_from(words, "input"),
            words["size"],
            words["stamp"],
            words["state"],
            words.get("reason", ""),
            tuple(Written(name_from(one, "path"), one["size"], one["xxh3_128"]) for one in words.get("outputs", ())),
            tuple(words.get("maps", ())),
            tuple(tuple(tuple(c) for c in kernel) for kernel in words.get("features", ())),
        )


def name_fields(field: str, text: str) -> dict[str, str]:
    r"""Return a file's name for JSON: as text, and in base64 too where it is no UTF-8.

    Examples
    --------
    >>> name_fields("input", "caf\udce9.png")
    {'input': 'caf\\xe9.png', 'input_base64': 'Y2Fm6S5wbmc='}
    """
    try:
        if not text.isascii():
            text.encode()
    except UnicodeEncodeError:
        data = text.encode("utf-8", "surrogateescape" if os.name == "posix" else "surrogatepass")
        return {field: printable(text), f"{field}_base64": base64.b64encode(data).decode("ascii")}
    return {field: text}


def name_from(words: Mapping[str, Any], field: str) -> str:
    """Return the name that `name_fields` took apart."""
    if data := words.get(f"{field}_base64"):
        return base64.b64decode(data).decode("utf-8", "surrogateescape" if os.name == "posix" else "surrogatepass")
    return str(words[field])


def plan_line(item: Planned) -> bytes:
    """Return an input of the plan as one line."""
    try:
        return msgspec.json.encode(item) + b"\n"
    except UnicodeEncodeError:  # a name that is no UTF-8
        words = asdict(item)
        for name in _NAMES:
            words |= name_fields(name, words[name])
        return msgspec.json.encode(words) + b"\n"


def plan_item(line: bytes) -> Planned:
    """Return the input that `plan_line` wrote."""
    if b"_base64" not in line:
        return _decode_planned(line)
    words = msgspec.json.decode(line)
    names = {name: name_from(words, name) for name in _NAMES}
    return Planned(**names, size=words["size"], stamp=words["stamp"], reason=words["reason"])


_NAMES = ("key", "source", "folder", "stem")
_decode_planned = msgspec.json.Decoder(Planned).decode


def record_line(record: Record) -> bytes:
    """Return a record as one line."""
    return msgspec.json.encode(record.as_json()) + b"\n"


def record_from(line: bytes) -> Record:
    """Return the record that `record_line` wrote."""
    return Record.from_json(msgspec.json.decode(line))
