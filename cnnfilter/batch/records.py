"""What is known of every input, before it is done and after, and how that stands in a line of strict JSON."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import xxhash

from cnnfilter.batch.inputs import Found
from cnnfilter.files import output_error, printable

DONE, FAILED = "ok", "failed"

_BLOCK = 1 << 20


class Planned(msgspec.Struct, frozen=True):
    """One input, and where its results go: the folder below the output, and the stem of their names."""

    key: str
    source: str
    size: int
    stamp: str
    folder: str
    stem: str
    reason: str = ""
    frame: int | None = None

    @classmethod
    def of(cls, found: Found, key: str, folder: str, stem: str) -> Planned:
        """Return an input with its key and its place."""
        return cls(key, found.source, found.size, found.stamp, folder, stem, found.reason, found.frame)

    @property
    def place(self) -> tuple[str, str, str]:
        """Key, folder and stem."""
        return self.key, self.folder, self.stem

    def at(self, key: str, folder: str, stem: str) -> Planned:
        """Return the same input with another key and place."""
        return msgspec.structs.replace(self, key=key, folder=folder, stem=stem)


class Written(msgspec.Struct, frozen=True, omit_defaults=True, rename={"digest": "xxh3_128"}):
    """One file that was written: its place below the output, its bytes, their digest, and an object's tag or time."""

    path: str
    size: int
    digest: str
    tag: str = ""


def digest_of(path: Path) -> tuple[int, str]:
    """Return the bytes in a file and their 128-bit XXH3 digest."""
    digest, size = xxhash.xxh3_128(), 0
    try:
        with path.open("rb", buffering=0) as file:
            while block := file.read(_BLOCK):
                digest.update(block)
                size += len(block)
    except OSError as error:
        raise output_error(error, path) from error
    return size, digest.hexdigest()


class Record(msgspec.Struct, frozen=True, omit_defaults=True, rename={"key": "input"}):
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
    notes
        What the user should know about it, such as that it is one frame of several.
    features
        Measures of each channel of each map, ``[map][channel][measure]``; None for what is not finite.
    source
        The path or URL that was opened, which the manifest tells beside the key; the plan knows it.
    """

    job: str
    key: str
    size: int
    stamp: str
    state: str
    reason: str = ""
    outputs: tuple[Written, ...] = ()
    maps: tuple[dict[str, Any], ...] = ()
    features: tuple[tuple[tuple[float | None, ...], ...], ...] = ()
    source: str = ""
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the record as plain values; empty parts are left out."""
        words: dict[str, Any] = {"job": self.job, **name_fields("input", self.key)}
        words |= name_fields("source", self.source) if self.source else {}
        words |= {"size": self.size, "stamp": self.stamp, "state": self.state}
        if self.reason:
            words["reason"] = printable(self.reason)
        if self.outputs:
            words["outputs"] = [
                {**name_fields("path", one.path), "size": one.size, "xxh3_128": one.digest}
                | ({"tag": one.tag} if one.tag else {})
                for one in self.outputs
            ]
        if self.notes:
            words["notes"] = [printable(note) for note in self.notes]
        if self.maps:
            words["maps"] = list(self.maps)
        if self.features:
            words["features"] = self.features
        return words


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


def record_line(record: Record) -> bytes:
    """Return a record as one line."""
    if not record.reason:
        try:
            return _encode(record) + b"\n"
        except UnicodeEncodeError:
            pass
    return _encode(record.as_json()) + b"\n"


def record_from(line: bytes) -> Record:
    """Return the record that `record_line` wrote."""
    if b"_base64" not in line:
        return _decode_record(line)
    words = msgspec.json.decode(line)
    for one in (words, *words.get("outputs", ())):
        for name in ("input", "path"):
            if name in one:
                one[name] = name_from(one, name)
    return msgspec.convert(words, Record)


_encode = msgspec.json.Encoder().encode
_decode_record = msgspec.json.Decoder(Record).decode
