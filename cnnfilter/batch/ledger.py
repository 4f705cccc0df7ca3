"""What a run remembers: a SQLite database while it goes on, a journal of JSON lines afterwards."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from cnnfilter.batch.records import FAILED, Planned, Record, record_from, record_line
from cnnfilter.errors import OutputError, ResourceError
from cnnfilter.files import atomic_output, output_error, quoted

#: Inputs that are read from the database at a time.
PAGE = 1000

#: Seconds between two waits for the disk.
SYNC_EVERY = 1.0

#: Changes with the tables.
VERSION = 1

_SCHEMA = f"""
PRAGMA user_version = {VERSION};
CREATE TABLE IF NOT EXISTS plan (number INTEGER PRIMARY KEY, key BLOB, source BLOB, size INTEGER, stamp BLOB,
    folder BLOB, stem BLOB, reason BLOB, frame INTEGER);
CREATE TABLE IF NOT EXISTS records (number INTEGER PRIMARY KEY, key BLOB UNIQUE, job TEXT, state TEXT, line BLOB);
CREATE TABLE IF NOT EXISTS runs (number INTEGER PRIMARY KEY, token TEXT UNIQUE, words BLOB);
CREATE VIEW IF NOT EXISTS inputs AS SELECT plan.number, CAST(plan.key AS TEXT) AS input, records.job,
    coalesce(records.state, 'to do') AS state, CAST(records.line AS TEXT) AS record
    FROM plan LEFT JOIN records USING (key);
"""

#: The records of a job; a journal that was taken up has no plan.
_OF_JOB = """FROM records WHERE job = ? AND (key IN (SELECT key FROM plan) OR NOT EXISTS (SELECT 1 FROM plan))"""

#: What the operating system would have said.
_NUMBERS = {"SQLITE_FULL": errno.ENOSPC, "SQLITE_READONLY": errno.EROFS, "SQLITE_CANTOPEN": errno.EACCES}


class Ledger:
    """What a run remembers, in one SQLite database: what there is to do, how each input came out, and which runs were.

    A record is whole or not there, whenever the process dies; what was recorded a second ago survives a power cut.
    Others may read the database meanwhile; its view ``inputs`` has a row for each input of the plan.

    The plan is that of the last run, and its names are settled when all of them are known. Records outlive it: so
    they are two tables, joined by the name of the input, of which each has one record.
    """

    def __init__(self, path: Path | None = None, *, only_read: bool = False) -> None:
        """Open the database, one in memory if it has no path."""
        self.path = path
        self._synced = time.monotonic()
        self._only_read = only_read
        where = f"{path.absolute().as_uri()}?mode={'ro' if only_read else 'rwc'}" if path else ":memory:"
        with self._told():
            self._base = sqlite3.connect(where, uri=True, isolation_level=None, timeout=10)
        try:
            with self._told():
                (version,) = self._base.execute("PRAGMA user_version").fetchone()
            if version > VERSION:
                raise OutputError(f"{quoted(path)}: a newer cnnfilter wrote it (use that, or choose another -o)")
        except BaseException:
            self._base.close()
            raise

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the database; it is one file then, unless the disk is full."""
        if not self._only_read:
            with contextlib.suppress(sqlite3.Error):  # somebody reads just now: the next run tidies up
                self._base.execute("PRAGMA busy_timeout = 500")
                self._base.execute("PRAGMA journal_mode = DELETE")
        self._base.close()

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Turn what the database says into an error of ours."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            name = "_".join(getattr(error, "sqlite_errorname", "").split("_")[:2])
            if name in ("SQLITE_NOTADB", "SQLITE_CORRUPT"):
                hint = "move it away, and --resume goes by the journal beside it"
                raise OutputError(f"{quoted(self.path)} is damaged: {error} ({hint})") from error
            system = OSError(_NUMBERS.get(name, errno.EIO), str(error))
            if name in _NUMBERS:
                raise output_error(system, self.path or "") from system
            raise ResourceError(f"{quoted(self.path)}: cannot write: {error}") from system

    @contextlib.contextmanager
    def renewing(self, *, fresh: bool) -> Iterator[None]:
        """Write a new plan in the block, all of it or nothing; a fresh one forgets records and runs too."""
        with self._told():
            self._base.execute("BEGIN IMMEDIATE")
            try:
                for statement in _SCHEMA.split(";")[:-1]:
                    self._base.execute(statement)
                for table in ("plan", *(("records", "runs") if fresh else ())):
                    self._base.execute(f"DELETE FROM {table}")
                yield
                self._base.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):  # a full disk has rolled it back already
                    self._base.execute("ROLLBACK")
                raise

    def plan(self, items: Iterable[Planned]) -> int:
        """Add inputs to the plan; return how many."""
        count = 0

        def rows() -> Iterator[tuple[Any, ...]]:
            nonlocal count
            for count, item in enumerate(items, 1):
                yield (count, *map(_stored, msgspec.structs.astuple(item)))

        fields = Planned.__struct_fields__
        names, marks = ", ".join(("number", *fields)), ", ".join("?" * (1 + len(fields)))
        self._base.executemany(f"INSERT INTO plan ({names}) VALUES ({marks})", rows())
        return count

    def move(self, moved: Iterable[tuple[int, Planned]]) -> None:
        """Give inputs of the plan other names, by their numbers."""
        rows = ((_stored(one.key), _stored(one.folder), _stored(one.stem), number) for number, one in moved)
        self._base.executemany("UPDATE plan SET key = ?, folder = ?, stem = ? WHERE number = ?", rows)

    def begin(self, words: dict[str, Any]) -> None:
        """Write that a run begins, and with what."""
        self._add_run({**words, "run": os.urandom(8).hex()})

    def _add_run(self, words: dict[str, Any]) -> None:
        """Add a run."""
        row = (words["run"], msgspec.json.encode(words))
        self._base.execute("INSERT OR REPLACE INTO runs (token, words) VALUES (?, ?)", row)

    def follow(self) -> None:
        """Let others read while records are added, from here to the end."""
        with self._told():
            for words in ("journal_mode = WAL", "synchronous = NORMAL"):
                self._base.execute(f"PRAGMA {words}")

    def add(self, record: Record) -> None:
        """Write how an input came out."""
        with self._told():
            self._insert(record)
            now = time.monotonic()
            if now - self._synced > SYNC_EVERY:
                self._base.execute("PRAGMA wal_checkpoint(PASSIVE)")
                self._synced = now

    def _insert(self, record: Record) -> None:
        """Add a record in place of an earlier one."""
        words = (_stored(record.key), record.job, record.state, record_line(record))
        self._base.execute("INSERT OR REPLACE INTO records (key, job, state, line) VALUES (?, ?, ?, ?)", words)

    def get(self, key: str) -> Record | None:
        """Return the last record of an input, or None."""
        with self._told():
            row = self._base.execute("SELECT line FROM records WHERE key = ?", (_stored(key),)).fetchone()
        return None if row is None else record_from(row[0])

    def runs(self) -> list[dict[str, Any]]:
        """Return what each run said at its beginning."""
        with self._told():
            rows = self._base.execute("SELECT words FROM runs ORDER BY number").fetchall()
        return [msgspec.json.decode(words) for (words,) in rows]

    def items(self) -> Iterator[tuple[int, Planned]]:
        """Yield number and input of the plan, in order."""
        for number, *values in self._pages("plan", ", ".join(Planned.__struct_fields__)):
            yield number, Planned(*map(_taken, values))

    def in_order(self) -> Iterator[Record]:
        """Yield the record of every input in the order of the plan."""
        columns = "key, source, size, stamp, (SELECT line FROM records WHERE records.key = plan.key)"
        for _, key, source, size, stamp, line in self._pages("plan", columns):
            record = (
                Record("", _taken(key), size, _taken(stamp), FAILED, "not done") if line is None else record_from(line)
            )
            yield msgspec.structs.replace(record, source=_taken(source))

    def _pages(self, table: str, columns: str) -> Iterator[tuple[Any, ...]]:
        """Yield number and columns of rows, a page at a time: an open statement keeps the database from tidying up."""
        words = f"SELECT number, {columns} FROM {table} WHERE number > ? ORDER BY number LIMIT {PAGE}"
        last = -1
        while True:
            with self._told():
                page = self._base.execute(words, (last,)).fetchall()
            yield from page
            if len(page) < PAGE:
                return
            last = page[-1][0]

    def counts(self, job: str) -> dict[str, int]:
        """Return how many inputs came out in each way with these parameters: those of the plan, where there is one."""
        with self._told():
            rows = self._base.execute(f"SELECT state, count(*) {_OF_JOB} GROUP BY state", (job,))
            return dict(rows.fetchall())

    def failures(self, job: str, most: int) -> list[Record]:
        """Return the first inputs that failed with these parameters."""
        words = f"SELECT line {_OF_JOB} AND state = '{FAILED}' ORDER BY number LIMIT {most}"
        with self._told():
            return [record_from(line) for (line,) in self._base.execute(words, (job,)).fetchall()]

    def export(self, path: Path) -> None:
        """Write all that is remembered as a journal: a line of strict JSON for each run, and for each record."""
        with atomic_output(path, durable=False) as file:
            for words in self.runs():
                file.write(msgspec.json.encode({"run": words}) + b"\n")
            for _, line in self._pages("records", "line"):
                file.write(line)

    def knows(self, journal: Path) -> bool:
        """Say whether every run that a journal tells of is known here."""
        with self._told():
            known = self._base.execute("SELECT 1 FROM sqlite_master WHERE name = 'runs'").fetchone()
            tokens = {token for (token,) in self._base.execute("SELECT token FROM runs")} if known else set()
        try:
            with journal.open("rb") as file:
                return bool(known) and all(_token(line) in tokens for line in file if line.startswith(_RUN))
        except OSError as error:
            raise output_error(error, journal) from error

    def take(self, journal: Path) -> None:
        """Go by a journal instead; lines that cannot be read are passed over, such as half a line after a power cut."""
        try:
            with self.renewing(fresh=True), journal.open("rb") as file:
                for line in file:
                    self._take_line(line)
        except OSError as error:
            raise output_error(error, journal) from error

    def _take_line(self, line: bytes) -> None:
        """Take one line of a journal."""
        try:
            if line.startswith(_RUN):
                self._add_run({**msgspec.json.decode(line)["run"], "run": _token(line)})
            elif line.endswith(b"\n"):
                self._insert(record_from(line))
        except (msgspec.MsgspecError, UnicodeDecodeError, KeyError, TypeError, ValueError):
            return


_RUN = b'{"run":'


def _token(line: bytes) -> str:
    """Return what tells a run from another; journals of before have no such thing, and their line is one."""
    with contextlib.suppress(msgspec.MsgspecError, KeyError, TypeError, UnicodeDecodeError):
        return str(msgspec.json.decode(line)["run"]["run"])
    return hashlib.sha256(line).hexdigest()


def _stored(value: str | int | None) -> bytes | int | None:
    """Return a value for the database: names are bytes there, for they need not be UTF-8."""
    return value.encode("utf-8", _ESCAPE) if isinstance(value, str) else value


def _taken(value: Any) -> Any:
    """Return what `_stored` stored."""
    return value.decode("utf-8", _ESCAPE) if isinstance(value, bytes) else value


#: How bytes that are no UTF-8 stand in text.
_ESCAPE = "surrogateescape" if os.name == "posix" else "surrogatepass"
