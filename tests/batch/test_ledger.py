"""The ledger keeps whole records, whatever happens to its process, its disk or its machine."""

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys

import msgspec
import pytest

from cnnfilter.batch.ledger import Ledger
from cnnfilter.batch.records import Planned, Record, Written
from cnnfilter.errors import OutputError, ResourceError

RECORDS = [
    Record(
        "j",
        "a/b.png",
        3,
        "17",
        "ok",
        "",
        (Written("a/b.k.png", 9, "ff"),),
        ({"kernel": "k", "min": None},),
        (((1.5,),),),
    ),
    Record("j", "caf\udce9.png", 1, "2", "failed", "'x': bad"),
]
ITEMS = [
    Planned("a/b.png", "/x/a/b.png", 3, "17", "a", "b"),
    Planned("caf\udce9.png", "/x/caf\udce9/a\n.png", 1, "2", "caf\udce9", "a\n", "why", 4),
]


def filled(path, *records, words=({"job": "j", "planned": 2},)):
    """Return an open ledger with a plan, runs and records."""
    ledger = Ledger(path)
    for number, one in enumerate(words):
        with ledger.renewing(fresh=not number):
            ledger.plan(ITEMS)
            ledger.begin(one)
    ledger.follow()
    for record in records:
        ledger.add(record)
    return ledger


def test_what_was_written_is_read(tmp_path):
    filled(tmp_path / "l", *RECORDS).close()
    with Ledger(tmp_path / "l") as ledger:
        assert [ledger.get(one.key) for one in RECORDS] == RECORDS
        assert ledger.get("caf\\xe9.png") is None
        assert [item for _, item in ledger.items()] == ITEMS
        assert [run["job"] for run in ledger.runs()] == ["j"]
        in_order = [*ledger.in_order()]
        assert [one.source for one in in_order] == [one.source for one in ITEMS]
        assert [msgspec.structs.replace(one, source="") for one in in_order] == RECORDS
        assert (ledger.counts("j"), ledger.counts("k")) == ({"ok": 1, "failed": 1}, {})
        assert ledger.failures("j", 9) == RECORDS[1:]
    assert [path.name for path in tmp_path.iterdir()] == ["l"]  # one file at rest, that may be copied


def test_the_last_record_counts(tmp_path):
    with filled(tmp_path / "l", Record("j", "a/b.png", 1, "1", "failed", "no"), RECORDS[0]) as ledger:
        assert ledger.get("a/b.png") == RECORDS[0]
        assert ledger.counts("j") == {"ok": 1}


def test_others_read_while_it_is_written(tmp_path):
    with filled(tmp_path / "l") as ledger:
        for count, record in enumerate(RECORDS):
            base = sqlite3.connect(f"file:{tmp_path / 'l'}?mode=ro", uri=True)
            states = [state for (state,) in base.execute("SELECT state FROM inputs ORDER BY number")]
            assert states.count("to do") == 2 - count
            base.close()
            ledger.add(record)


def test_a_plan_that_is_refused_leaves_the_one_before(tmp_path):
    with filled(tmp_path / "l", *RECORDS) as ledger:
        with contextlib.suppress(KeyboardInterrupt), ledger.renewing(fresh=True):
            ledger.plan(ITEMS[:1])
            raise KeyboardInterrupt
        assert len([*ledger.items()]) == 2
        assert ledger.get("a/b.png") == RECORDS[0]


def test_a_journal_is_strict_and_gives_the_ledger_again(tmp_path):
    with filled(tmp_path / "l", *RECORDS, words=[{"job": "i"}, {"job": "j"}]) as ledger:
        ledger.export(tmp_path / "j")
        assert ledger.knows(tmp_path / "j")
    for line in (tmp_path / "j").read_bytes().splitlines():
        json.loads(line.decode("utf-8"), parse_constant=lambda _: pytest.fail("not strict"))
    with Ledger() as other:
        assert not other.knows(tmp_path / "j")
        other.take(tmp_path / "j")
        assert other.knows(tmp_path / "j")
        assert [other.get(one.key) for one in RECORDS] == RECORDS
        assert (other.counts("j"), [run["job"] for run in other.runs()]) == ({"ok": 1, "failed": 1}, ["i", "j"])
        other.export(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "j").read_bytes()


def test_half_a_line_of_a_journal_is_passed_over(tmp_path):
    with filled(tmp_path / "l", *RECORDS) as ledger:
        ledger.export(tmp_path / "j")
    whole = (tmp_path / "j").read_bytes()
    for cut in range(len(whole)):
        (tmp_path / "j").write_bytes(whole[:cut])
        with Ledger() as ledger:
            ledger.take(tmp_path / "j")
            assert sum(ledger.counts("j").values()) == max(0, whole[:cut].count(b"\n") - 1)


def test_a_journal_of_before_is_taken(tmp_path):
    """Runs had no name of their own, and their lines stood between the records."""
    lines = (
        b'{"run":{"program":"cnnfilter","version":"0.1.0","job":"i","planned":1}}\n',
        b'{"job":"i","input":"a/b.png","size":3,"stamp":"17","state":"failed","reason":"no"}\n',
        b'{"run":{"program":"cnnfilter","version":"0.1.0","job":"j","planned":2}}\n',
        b'{"job":"j","input":"a/b.png","size":3,"stamp":"17","state":"ok",'
        b'"outputs":[{"path":"a/b.k.png","size":9,"xxh3_128":"ff"}],"maps":[{"kernel":"k","min":null}],"features":[[[1.5]]]}\n',
    )
    (tmp_path / "j").write_bytes(b"".join(lines))
    with Ledger(tmp_path / "l") as ledger:
        ledger.take(tmp_path / "j")
        assert ledger.knows(tmp_path / "j")
        assert ledger.get("a/b.png") == RECORDS[0]
        assert [run["job"] for run in ledger.runs()] == ["i", "j"]


KILLED = """
import os, signal, sys
sys.path.insert(0, {folder!r})
from pathlib import Path
from test_ledger import ITEMS, RECORDS, filled
ledger = filled(Path({path!r}), *RECORDS)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_kill_loses_no_record(tmp_path):
    script = KILLED.format(folder=os.path.dirname(__file__), path=str(tmp_path / "l"))  # noqa: PTH120
    done = subprocess.run([sys.executable, "-c", script], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    with Ledger(tmp_path / "l", only_read=True) as ledger:
        assert [ledger.get(one.key) for one in RECORDS] == RECORDS
    with Ledger(tmp_path / "l") as ledger:
        assert [ledger.get(one.key) for one in RECORDS] == RECORDS
    assert [path.name for path in tmp_path.iterdir()] == ["l"]


def test_a_full_disk_leaves_what_was_there(tmp_path):
    with filled(tmp_path / "l", RECORDS[0]) as ledger:
        (pages,) = ledger._base.execute("PRAGMA page_count").fetchone()
        ledger._base.execute(f"PRAGMA max_page_count = {pages}")
        large = msgspec.structs.replace(RECORDS[1], reason="x" * 1_000_000)
        with pytest.raises(ResourceError, match="No space left"):
            ledger.add(large)
        assert ledger.get("a/b.png") == RECORDS[0]
    with Ledger(tmp_path / "l") as ledger:
        assert ledger.get("a/b.png") == RECORDS[0]
        assert ledger._base.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize(
    "bytes_", [b"not a database, but long enough to be looked at" * 100, b"SQLite format 3\0" * 99]
)
def test_a_damaged_ledger_is_named(tmp_path, bytes_):
    (tmp_path / "l").write_bytes(bytes_)
    with pytest.raises(OutputError, match="is damaged"), Ledger(tmp_path / "l") as ledger:
        ledger.get("a")


def test_a_ledger_of_a_newer_version_is_left_alone(tmp_path):
    with filled(tmp_path / "l", *RECORDS) as ledger:
        ledger._base.execute("PRAGMA user_version = 9")
    before = (tmp_path / "l").read_bytes()
    with pytest.raises(OutputError, match="newer"):
        Ledger(tmp_path / "l")
    assert (tmp_path / "l").read_bytes() == before
