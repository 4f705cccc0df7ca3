"""Whole runs: what is written, what a rerun does, and what each mishap costs."""

import csv
import errno
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from batch_recipes import go

from cnnfilter.batch import item
from cnnfilter.batch.ledger import Ledger
from cnnfilter.images.read import read_image


def counts(totals):
    return totals.ok, totals.kept, totals.failed


def test_the_results_are_those_of_convolve(photos, tmp_path, run, tree):
    from subprocess import run as call

    done = run(photos, "-k", "sobel-x", "-k", "gaussian:sigma=1", "-f", "png", "-f", "npy", "-o", tmp_path / "out")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "ok 12, skipped 0, failed 0")
    words = run.__globals__["words_of"]("-k", "sobel-x")[:3]
    call([*words, "convolve", "p01.png", "-k", "sobel-x", "-f", "png", "-f", "npy", "-o", f"{tmp_path}/one/"],
         cwd=photos, check=True, capture_output=True)  # fmt: skip
    for name in ("p01.sobel-x.png", "p01.sobel-x.npy"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "out" / name).read_bytes()
    assert len([name for name in tree(tmp_path / "out") if name.startswith(b"sub/deep/")]) == 4 * 2 * 2


@pytest.mark.parametrize("jobs", [1, 2, 8])
def test_any_number_of_workers_gives_the_same_bytes(photos, tmp_path, tree, jobs):
    go(photos, tmp_path / "serial")
    go(photos, tmp_path / "workers", jobs=jobs)
    assert tree(tmp_path / "serial") == tree(tmp_path / "workers")


def test_resume_does_what_changed_and_nothing_else(photos, tmp_path, paint):
    out = tmp_path / "out"
    assert counts(go(photos, out)) == (12, 0, 0)
    assert counts(go(photos, out, resume=True)) == (0, 12, 0)
    paint(photos / "p01.png", 99)
    paint(photos / "new.png", 98)
    (out / "p02.sobel-x.png").write_bytes(b"x" * (out / "p02.sobel-x.png").stat().st_size)
    (out / "p04.sobel-x.png").unlink()
    assert counts(go(photos, out, resume=True)) == (4, 9, 0)
    assert counts(go(photos, out, resume=True, kernels=("sobel-y",))) == (13, 0, 0)
    assert counts(go(photos, out)) == (13, 0, 0)


def test_bad_inputs_fail_alone(photos, tmp_path, run):
    (photos / "empty.png").touch()
    (photos / "corrupt.png").write_bytes((photos / "p01.png").read_bytes()[:150])
    (photos / "text.png").write_text("hello")
    shutil.copy(photos / "p01.png", photos / os.fsdecode(b"caf\xe9.png"))
    shutil.copy(photos / "p01.png", photos / "esc\x1b[31m.png")
    os.mkfifo(photos / "pipe.png")
    done = run(photos, "-k", "sobel-x", "-o", tmp_path / "out", env={**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0"})
    assert done.returncode == 3
    assert done.stdout.splitlines()[-1].startswith("ok 14, skipped 1, failed 3")
    assert "\x1b" not in done.stdout + done.stderr
    named = sorted(line.split("'")[1] for line in done.stderr.splitlines())  # workers end in any order
    assert named == ["corrupt.png", "empty.png", "text.png"]
    assert (tmp_path / "out" / os.fsdecode(b"caf\xe9.sobel-x.png")).exists()
    lines = [json.loads(line) for line in (tmp_path / "out" / "manifest.jsonl").read_text().splitlines()]
    assert [line["state"] for line in lines].count("failed") == 3
    assert len(lines) == 17
    with (tmp_path / "out" / "manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert float(next(row for row in rows if row["input"] == "p01.png")["max"]) == lines[[*map(str, lines)].index(
        str(next(line for line in lines if line["input"] == "p01.png")))]["maps"][0]["max"]  # fmt: skip


def test_files_that_vanish_or_turn_into_pipes_fail_alone(photos, tmp_path, monkeypatch):
    real = item._open

    def vanish(job, item, limit):
        if item.key == "p01.png":
            Path(item.source).unlink()
        if item.key == "p02.png":
            Path(item.source).unlink()
            os.mkfifo(item.source)
        return real(job, item, limit)

    monkeypatch.setattr(item, "_open", vanish)
    totals = go(photos, tmp_path / "out")
    assert counts(totals) == (10, 0, 2)
    assert [record.reason for record in totals.failures] == [
        "'p01.png': No such file or directory", "'p02.png': is no regular file any more",
    ]  # fmt: skip


def test_a_full_disk_stops_the_run_and_resume_ends_it(photos, tmp_path, tree, monkeypatch):
    go(photos, tmp_path / "whole")
    real = os.open
    for room in (0, 1, 5, 11):
        left = [room]

        def tight(path, flags, mode=0o777, *, left=left, **more):
            if "cnnfilter-part" in str(path) and "sobel" in str(path):
                left[0] -= 1
                if left[0] < 0:
                    raise OSError(errno.ENOSPC, "No space left on device")
            return real(path, flags, mode, **more)

        monkeypatch.setattr(os, "open", tight)
        out = tmp_path / f"out{room}"
        totals = go(photos, out)
        assert "No space left on device" in totals.stopped
        assert totals.ok == room
        monkeypatch.setattr(os, "open", real)
        assert not [name for name in tree(out) if b"part" in name]
        assert counts(go(photos, out, resume=True)) == (12 - room, room, 0)
        assert tree(out) == tree(tmp_path / "whole")


def test_a_folder_of_others_is_left_alone(photos, tmp_path, run):
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    words = (photos, "-k", "sobel-x", "-o", out, "-j", "0")
    refused = run(*words)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "--overwrite" in refused.stderr
    assert [path.name for path in out.iterdir()] == ["mine.txt"]
    assert run(*words, "--overwrite").returncode == 0
    assert run(*words).returncode == 0
    assert (out / "mine.txt").read_text() == "mine"


def test_an_input_is_never_overwritten(photos, tmp_path, run):
    out = tmp_path / "out"
    out.mkdir()
    (out / "p01.sobel-x.png").symlink_to(photos / "p01.png")
    before = (photos / "p01.png").read_bytes()
    done = run(photos, "-k", "sobel-x", "-o", out, "-j", "0", "--overwrite")
    assert done.returncode == 2
    assert "is an input" in done.stderr
    assert (photos / "p01.png").read_bytes() == before
    for inside in (photos, photos / "out"):
        assert run(photos, "-k", "sobel-x", "-o", inside).returncode == 2
    assert not (photos / "out").exists()


@pytest.mark.parametrize(
    "words",
    [
        [], ["IN"], ["IN", "-o", "OUT"], ["nothing", "-k", "sobel-x", "-o", "OUT"], ["IN", "-k", "nosuch", "-o", "OUT"],
        ["IN", "-k", "sobel-x", "-o", "OUT", "--include", "*.xyz"], ["IN", "-k", "sobel-x", "-o", "OUT", "-j", "-1"],
        ["IN", "-k", "sobel-x", "-o", "OUT", "--features", "x.doc"], ["--status", "OUT"],
        ["IN", "-k", "sobel-x", "-o", "OUT", "--cluster", "local:0"], ["IN", "-k", "sobel-x", "-o", "zip://x"],
    ],
)  # fmt: skip
def test_a_mistake_writes_nothing(photos, tmp_path, run, words):
    done = run(*(str(photos) if word == "IN" else str(tmp_path / "out") if word == "OUT" else word for word in words))
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_written_to_is_a_resource(photos, run):
    done = run(photos, "-k", "sobel-x", "-o", "/proc/cnnfilter-out", "-j", "0")
    assert (done.returncode, len(done.stderr.splitlines())) == (2 if "does not exist" in done.stderr else 4, 1)


def test_two_runs_do_not_share_a_folder(photos, tmp_path, run):
    fcntl = pytest.importorskip("fcntl")
    out = tmp_path / "out"
    assert run(photos, "-k", "sobel-x", "-o", out, "-j", "0").returncode == 0
    with (out / ".cnnfilter" / "lock").open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        done = run(photos, "-k", "sobel-x", "-o", out, "-j", "0", "--resume")
    assert done.returncode == 2
    assert "another batch" in done.stderr


def test_the_end_says_where_everything_is(photos, tmp_path, run):
    out = tmp_path / "out"
    for name in ("a.txt", "b.txt"):
        (photos / name).touch()
    words = (photos, "-k", "sobel-x", "-o", out, "-j", "0", "--features", tmp_path / "t.npy")
    lines = run(*words).stdout.splitlines()
    assert lines[-1] == "ok 12, skipped 2, failed 0 (skipped: 2 other files)"
    named = [path for line in lines[:-1] for path in line.split(maxsplit=1)[1].split(", ")]
    assert len(named) == 6
    assert all(Path(path).exists() for path in named)
    (photos / "b.txt").unlink()
    assert run(*words, "-q").stdout == ""
    assert run(*words).stdout.endswith("ok 12, skipped 1, failed 0 (skipped: 1 other file)\n")


def test_events_and_status_are_for_machines(photos, tmp_path, run):
    (photos / "empty.png").touch()
    out = tmp_path / "out"
    done = run(photos, "-k", "sobel-x", "-o", out, "-j", "0", "--json")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["event"] for event in events] == ["begin", "failed", *["done"] * 12, "end"]
    assert (events[-1]["ok"], events[-1]["failed"]) == (12, 1)
    status = json.loads(run("--status", out, "--json").stdout)
    assert (status["planned"], status["done"], status["failed"], status["to do"]) == (13, 12, 1, 1)
    told = run("--status", out)
    assert "12 of 13 done, 1 failed" in told.stdout
    assert told.returncode == 3


def test_a_picture_too_large_for_a_share_is_done_alone(photos, tmp_path, paint):
    paint(photos / "large.png", 1, (3, 400, 400))
    totals = go(photos, tmp_path / "out", jobs=8, max_memory=16_000_000)
    assert counts(totals) == (13, 0, 0)
    totals = go(photos, tmp_path / "out2", jobs=8, max_memory=2_000_000)
    assert counts(totals) == (12, 0, 1)
    assert "--max-memory" in totals.failures[0].reason


def test_features_are_one_row_an_input(photos, tmp_path, paint):
    paint(photos / "gray.png", 7, (1, 24, 30))
    (photos / "bad.png").touch()
    measures = ("mean", "std", "energy", "q50", "max")
    for form in ("npy", "csv"):
        go(
            photos, tmp_path / f"out-{form}", formats=(), kernels=("sobel-x", "gaussian"), measures=measures,
            features=str(tmp_path / f"t.{form}"),
        )  # fmt: skip
    table = np.load(tmp_path / "t.npy")
    columns = (tmp_path / "t.columns.txt").read_text().split()
    rows = (tmp_path / "t.rows.txt").read_text().split()
    assert table.shape == (14, 2 * 3 * 5) == (len(rows), len(columns))
    values = np.lib.stride_tricks.sliding_window_view(read_image(photos / "p01.png").astype(float), (3, 3), (1, 2))
    maps = (values * np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])).sum((-1, -2))
    own = table[rows.index("p01.png")]
    assert own[columns.index("sobel-x.1.mean")] == pytest.approx(maps[1].mean())
    assert own[columns.index("sobel-x.2.energy")] == pytest.approx((maps[2] ** 2).mean())
    assert own[columns.index("sobel-x.0.q50")] == pytest.approx(np.median(maps[0]))
    assert np.isnan(table[rows.index("bad.png")]).all()
    assert np.isnan(table[rows.index("gray.png")]).sum() == 2 * 2 * 5
    with (tmp_path / "t.csv").open(newline="") as file:
        written = {row.pop("input"): row for row in csv.DictReader(file)}
    assert [float(written["p01.png"][name]) for name in columns] == own.tolist()
    assert not list((tmp_path / "out-npy").rglob("*.png"))


def test_a_manifest_does_not_depend_on_the_way(photos, tmp_path):
    go(photos, tmp_path / "a")
    go(photos, tmp_path / "b", jobs=2)
    go(photos, tmp_path / "b", jobs=2, resume=True)
    for name in ("manifest.jsonl", "manifest.csv"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    with Ledger(tmp_path / "b" / ".cnnfilter" / "ledger.sqlite", only_read=True) as ledger:
        assert len(ledger.runs()) == 2


def test_parquet_holds_the_same(photos, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    from cnnfilter.batch.tables import write_manifest

    go(photos, tmp_path / "out", formats=(), measures=("mean",), features=str(tmp_path / "t.parquet"))
    table = parquet.read_table(tmp_path / "t.parquet")
    assert table.shape == (12, 4)
    with Ledger(tmp_path / "out" / ".cnnfilter" / "ledger.sqlite", only_read=True) as ledger:
        write_manifest(tmp_path / "m.parquet", ledger.in_order(), "parquet")
    assert parquet.read_table(tmp_path / "m.parquet").num_rows == 12


def test_a_status_names_what_failed_and_ends_with_0_once_all_is_done(photos, tmp_path, run):
    out = tmp_path / "out"
    (photos / "dot.csv").write_text("5\n")
    run(photos, "--include", "dot.csv", "--include", "p01.png", "-k", "sobel-x", "-f", "npy", "-o", out)
    told = run("--status", out)
    assert (told.returncode, "failed: 'dot.csv': kernel 3x3 does not fit the 1x1 image" in told.stdout) == (3, True)
    (photos / "dot.csv").write_text("5 5 5\n" * 3)
    assert (
        run(
            photos, "--include", "dot.csv", "--include", "p01.png", "-k", "sobel-x", "-f", "npy", "-o", out, "--resume"
        ).returncode
        == 0
    )
    assert run("--status", out).returncode == 0
