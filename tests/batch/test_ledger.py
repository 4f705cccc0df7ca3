"""The journal keeps whole lines, whatever happens to the last one."""

import errno
import json

import pytest

from cnnfilter.batch.ledger import Journal, Ledger, Planned, Record, Written, plan_item, plan_line
from cnnfilter.errors import ResourceError

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


def test_what_was_written_is_read(tmp_path):
    with Journal(tmp_path / "j", fresh=True) as journal:
        journal.begin({"job": "j"})
        for record in RECORDS:
            journal.add(record)
    with Ledger(tmp_path / "j") as ledger:
        assert [*ledger] == RECORDS
        assert ledger.get("caf\udce9.png") == RECORDS[1]
        assert ledger.get("caf\\xe9.png") is None
        assert ledger.runs == [{"job": "j"}]
    for line in (tmp_path / "j").read_bytes().splitlines():
        json.loads(line.decode("utf-8"), parse_constant=lambda _: pytest.fail("not strict"))


def test_the_last_record_counts(tmp_path):
    with Journal(tmp_path / "j", fresh=True) as journal:
        journal.add(Record("j", "a", 1, "1", "failed", "no"))
        journal.add(Record("j", "a", 1, "1", "ok"))
    with Ledger(tmp_path / "j") as ledger:
        assert ledger.get("a").state == "ok"
        assert len(ledger) == 1


def test_half_a_line_is_dropped_and_the_next_one_is_whole(tmp_path):
    path = tmp_path / "j"
    with Journal(path, fresh=True) as journal:
        for record in RECORDS:
            journal.add(record)
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        with Ledger(path) as ledger:
            assert len(ledger) == whole[:cut].count(b"\n")
        with Journal(path, fresh=False) as journal:
            journal.add(RECORDS[1])
        assert path.read_bytes() == (whole[:first] if cut >= first else b"") + whole[first:]


def test_a_full_disk_leaves_no_half_line(tmp_path, monkeypatch):
    with Journal(tmp_path / "j", fresh=True) as journal:
        journal.add(RECORDS[0])
        before = (tmp_path / "j").read_bytes()
        real = journal._file

        class Full:
            def __init__(self):
                self.calls = 0

            def write(self, data):
                self.calls += 1
                if self.calls > 1:
                    raise OSError(errno.ENOSPC, "No space left on device")
                return real.write(data[:10])

            def __getattr__(self, name):
                return getattr(real, name)

        monkeypatch.setattr(journal, "_file", Full())
        with pytest.raises(ResourceError, match="No space left"):
            journal.add(RECORDS[1])
        monkeypatch.setattr(journal, "_file", real)
    assert (tmp_path / "j").read_bytes() == before


def test_the_plan_keeps_every_name():
    item = Planned("caf\udce9/a\n.png", "/x/caf\udce9/a\n.png", 5, "1", "caf\udce9", "a\n", "why")
    line = plan_line(item)
    assert line.count(b"\n") == 1
    assert plan_item(line) == item
