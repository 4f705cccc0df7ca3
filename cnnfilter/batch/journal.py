"""The journal: an append-only file with one line for each input that was finished, and one for each run.

A line counts only when it is whole, so that a power cut or a kill costs the last lines and nothing before.
Lines reach the operating system at once and the disk in groups.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import msgspec

from cnnfilter.batch.records import Record, name_fields, record_from, record_line
from cnnfilter.files import output_error

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
