"""What is remembered of every input, and the journal that remembers it: a line of strict JSON each."""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import msgspec

from cnnfilter.batch.folder import bring_journal, remote_state, state_of
from cnnfilter.batch.inputs import Found
from cnnfilter.batch.roots import is_url
from cnnfilter.errors import OutputError
from cnnfilter.files import output_error, printable, quoted

DONE, FAILED = "ok", "failed"


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

    def at(self, key: str, folder: str, stem: str) -> Planned:
        """Return the same input with another key and place."""
        return msgspec.structs.replace(self, key=key, folder=folder, stem=stem)


class Written(msgspec.Struct, frozen=True, omit_defaults=True, rename={"digest": "xxh3_128"}):
    """One file that was written: its place below the output, its bytes, their digest, and an object's tag or time."""

    path: str
    size: int
    digest: str
    tag: str = ""


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


def plan_line(item: Planned) -> bytes:
    """Return an input of the plan as one line."""
    try:
        return _encode(item) + b"\n"
    except UnicodeEncodeError:  # a name that is no UTF-8
        words = msgspec.structs.asdict(item)
        for name in _NAMES:
            words |= name_fields(name, words[name])
        return _encode(words) + b"\n"


def plan_item(line: bytes) -> Planned:
    """Return the input that `plan_line` wrote."""
    if b"_base64" not in line:
        return _decode_planned(line)
    words = msgspec.json.decode(line)
    names = {name: name_from(words, name) for name in _NAMES}
    return Planned(**names, size=words["size"], stamp=words["stamp"], reason=words["reason"], frame=words["frame"])


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


_NAMES = ("key", "source", "folder", "stem")
_encode = msgspec.json.Encoder().encode
_decode_planned = msgspec.json.Decoder(Planned).decode
_decode_record = msgspec.json.Decoder(Record).decode


#: Seconds between two waits for the disk.
SYNC_EVERY = 1.0


class _Head(msgspec.Struct):
    """The fields by which a line is found again."""

    input: str = ""
    input_base64: str = ""
    state: str = ""
    run: msgspec.Raw = msgspec.Raw(b"")


class Journal:
    """The open journal of one run."""

    def __init__(self, path: Path, *, fresh: bool) -> None:
        """Open the journal to append to it; a fresh one forgets what was there."""
        self.path = path
        self._synced = time.monotonic()
        try:
            self._file: BinaryIO = path.open("w+b" if fresh else "a+b", buffering=0)
            self._drop_torn_line()
        except OSError as error:
            raise output_error(error, path) from error

    def _drop_torn_line(self) -> None:
        """Cut off what follows the last line end: half a line, after a power cut."""
        end = self._file.seek(0, os.SEEK_END)
        keep = end
        while keep:
            start = max(0, keep - 65536)
            self._file.seek(start)
            found = self._file.read(keep - start).rfind(b"\n")
            if found >= 0:
                keep = start + found + 1
                break
            keep = start
        if keep != end:
            self._file.truncate(keep)

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            os.fsync(self._file.fileno())
        except OSError as problem:
            if error is None:
                raise output_error(problem, self.path) from problem
        finally:
            self._file.close()

    def begin(self, words: dict[str, Any]) -> None:
        """Write that a run begins, and with what."""
        self._append(msgspec.json.encode({"run": words}) + b"\n")

    def add(self, record: Record) -> None:
        """Write how an input came out."""
        self._append(record_line(record))

    def _append(self, line: bytes) -> None:
        """Write one line; half a line that a full disk took is taken back."""
        try:
            written = self._file.write(line)
            while written < len(line):  # a full disk may take a part first
                written += self._file.write(line[written:])
            now = time.monotonic()
            if now - self._synced > SYNC_EVERY:
                os.fsync(self._file.fileno())
                self._synced = now
        except OSError as error:
            self._drop_torn_line()
            raise output_error(error, self.path) from error


class Ledger:
    """The last record of every input, found by name: a digest and a position are all that is held of each."""

    def __init__(self, path: Path) -> None:
        self._positions: dict[int, int] = {}
        self.runs: list[dict[str, Any]] = []
        self._file: BinaryIO | None = None
        if not path.exists():
            return
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise output_error(error, path) from error
        decode = msgspec.json.Decoder(_Head).decode
        position = 0
        for line in self._file:
            self._take(line, position, decode)
            position += len(line)

    def _take(self, line: bytes, position: int, decode: Any) -> None:
        """Note one line; one that cannot be read is as if it were not there."""
        try:
            head = decode(line)
            if head.run:
                self.runs.append(msgspec.json.decode(head.run))
            elif head.state and line.endswith(b"\n"):
                self._positions[hash(head.input_base64 or head.input)] = position
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def __len__(self) -> int:
        return len(self._positions)

    def __iter__(self) -> Iterator[Record]:
        for position in self._positions.values():
            record = self._read(position)
            if record is not None:
                yield record

    def get(self, key: str) -> Record | None:
        """Return the last record of an input, or None."""
        if key.isascii():
            name = key
        else:
            fields = name_fields("", key)
            name = fields.get("_base64") or fields[""]
        position = self._positions.get(hash(name))
        record = None if position is None else self._read(position)
        return record if record is not None and record.key == key else None

    def _read(self, position: int) -> Record | None:
        """Return the record at a position."""
        if self._file is None:
            return None
        self._file.seek(position)
        try:
            return record_from(self._file.readline())
        except (msgspec.MsgspecError, KeyError, TypeError, ValueError):
            return None


#: Failures that are named.
LISTED = 50


def status_of(output: str) -> dict[str, Any]:
    """Return the counts of an output folder's journal.

    Raises
    ------
    OutputError
        If no batch wrote there.
    """
    state = remote_state(output) if is_url(output) else state_of(output)
    if is_url(output):
        bring_journal(state, output)
    if not state.owned:
        raise OutputError(f"{quoted(output)}: no batch wrote here, so there is nothing to tell")
    done = failed = 0
    failures: list[str] = []
    with Ledger(state.journal) as ledger:
        last = ledger.runs[-1] if ledger.runs else {}
        for record in ledger:
            if record.job != last.get("job"):
                continue
            if record.state == DONE:
                done += 1
            else:
                failed += 1
                if len(failures) < LISTED:
                    failures.append(_named(record.key, record.reason))
    planned = int(last.get("planned", 0))
    return {
        "output": output, "planned": planned, "done": done, "failed": failed,
        "to do": max(0, planned - done), "runs": len(ledger.runs), "version": last.get("version", ""),
        "job": last.get("job", ""), "failures": failures,
    }  # fmt: skip


def _named(key: str, reason: str) -> str:
    """Return why an input failed, with its name in front unless the reason has it."""
    return reason if quoted(key) in reason else f"{quoted(key)}: {reason or 'failed'}"
