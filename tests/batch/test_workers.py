"""Workers that die, hang or are orphaned cost one image at most."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import batch_recipes
import pytest

from cnnfilter.batch import item, workers
from cnnfilter.batch.place import place_of
from cnnfilter.batch.roots import parse_roots
from cnnfilter.batch.run import Setup, run_batch
from cnnfilter.batch.workers import Context
from cnnfilter.library import load_kernels
from cnnfilter.run.options import Options
from cnnfilter.views.batch import Silent


def misbehave(folder, output, marks="", **more):
    recipe = batch_recipes.Misbehaving(kernels=tuple(load_kernels("sobel-x")), options=Options(), marks=str(marks))
    setup = Setup(roots=parse_roots([str(folder)]), place=place_of(str(output)), **{"jobs": 2, **more})
    return run_batch(setup, recipe, Silent(), lambda *_: None)


def test_a_worker_that_dies_costs_its_own_image_alone(photos, tmp_path):
    for name in ("kill", "once", "bug"):
        shutil.copy(photos / "p01.png", photos / f"{name}.png")
    totals = misbehave(photos, tmp_path / "out", tmp_path)
    assert (totals.ok, totals.failed) == (13, 2)
    reasons = {record.key: record.reason for record in totals.failures}
    assert reasons["kill.png"] == "the worker was killed by SIGKILL (out of memory?)"
    assert reasons["bug.png"].startswith("ZeroDivisionError: oh (this is a bug")
    assert not list((tmp_path / "out").rglob("*-part"))


def test_an_image_that_hangs_is_given_up(photos, tmp_path):
    shutil.copy(photos / "p01.png", photos / "hang.png")
    totals = misbehave(photos, tmp_path / "out", timeout=3.0)
    assert (totals.ok, totals.failed) == (12, 1)
    assert totals.failures[0].reason == "took longer than 3 seconds (--timeout raises the limit)"


def test_workers_that_cannot_start_stop_the_run(photos, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(Context, "Process", refuse)
    totals = misbehave(photos, tmp_path / "out")
    assert totals.stopped.startswith("no worker can be started: [Errno 11] Resource temporarily unavailable (-j")


def test_workers_that_die_at_once_stop_the_run(photos, tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "start", batch_recipes.die_at_once)
    totals = misbehave(photos, tmp_path / "out")
    assert totals.stopped.startswith("no worker can be started: they end as soon as they start (-j")


def test_the_server_that_starts_workers_may_fail_once(photos, tmp_path, monkeypatch):
    begin, calls = Context.Process, []

    def fail_once(self, **words):
        calls.append(words)
        if len(calls) == 1:
            raise EOFError("unexpected EOF")
        return begin(self, **words)

    monkeypatch.setattr(Context, "Process", fail_once)
    assert (misbehave(photos, tmp_path / "out").ok, len(calls) > 2) == (12, True)


def test_a_long_outcome_goes_through_a_file(photos, tmp_path):
    """A worker that dies while it sends one would leave half a message in the pipe, and its reader waiting."""
    shutil.copy(photos / "p01.png", photos / "torn.png")
    kernels = (*load_kernels("bank:laws-5"), *load_kernels("bank:laws-3"))
    recipe = batch_recipes.Misbehaving(
        kernels=kernels, options=Options(), marks=str(tmp_path), formats=("png", "npy", "json", "csv", "tiff")
    )
    setup = Setup(roots=parse_roots([str(photos)]), place=place_of(str(tmp_path / "out")), jobs=2)
    totals = run_batch(setup, recipe, Silent(), lambda *_: None)
    assert (totals.ok, totals.failed) == (13, 0)
    assert (tmp_path / "torn").exists()
    lines = (tmp_path / "out" / ".cnnfilter" / "journal.jsonl").read_bytes().splitlines()
    assert max(map(len, lines)) > 1 << 14  # from there on a message takes two writes
    assert not list((tmp_path / "out").rglob("*-part"))


def test_half_a_message_costs_its_own_image_alone(photos, tmp_path, monkeypatch):
    monkeypatch.setattr(item, "SHORT", 1 << 30)  # so that every outcome goes through the pipe, however long
    shutil.copy(photos / "p01.png", photos / "torn.png")
    kernels = (*load_kernels("bank:laws-5"), *load_kernels("bank:laws-3"))
    recipe = batch_recipes.Misbehaving(kernels=kernels, options=Options(), marks=str(tmp_path), formats=("png", "npy"))
    setup = Setup(roots=parse_roots([str(photos)]), place=place_of(str(tmp_path / "out")), jobs=2)
    totals = run_batch(setup, recipe, Silent(), lambda *_: None)
    assert (totals.ok, totals.failed) == (13, 0)
    assert (tmp_path / "torn").exists()


def session_of(pid):
    """Return the processes of a session that still run."""
    left = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if words[3] == str(pid) and words[0] != "Z":
            left.append(int(entry.parent.name))
    return left


def gone(pid, seconds):
    """Say whether a session ends within some seconds; end it if not."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not session_of(pid):
            return True
        time.sleep(0.05)
    for left in session_of(pid):
        os.kill(left, signal.SIGKILL)
    return False


def started(words, out, count):
    """Start the program in a session of its own, and wait until it has written some files."""
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, text=True)
    wait_for_files(process, out, count)
    return process


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")


@pytest.fixture
def many(photos, paint):
    for index in range(150):
        paint(photos / "many" / f"q{index:03}.png", index, (3, 96, 96))
    return photos


@needs_proc
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_the_run_and_tells_how_to_go_on(many, tmp_path, command, run, tree, number, code):
    out = tmp_path / "out"
    words = (many, "-k", "sobel-x", "-o", out, "-j", "2")
    process = started(command(*words), out, 5)
    began = time.monotonic()
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert time.monotonic() - began < 10  # within 2 s on a machine of one's own
    assert process.returncode == code, errors
    assert "--resume" in errors
    assert gone(process.pid, 5)
    assert not [name for name in tree(out) if name.endswith(b"-part")]
    assert run(*words, "--resume").returncode == 0
    assert run(*words[:3], "-o", tmp_path / "whole", "-j", "2").returncode == 0
    assert tree(out) == tree(tmp_path / "whole")


@needs_proc
def test_no_worker_outlives_its_run(many, tmp_path, command):
    process = started(command(many, "-k", "sobel-x", "-o", tmp_path / "out", "-j", "2"), tmp_path / "out", 5)
    process.kill()
    process.communicate(timeout=60)
    assert gone(process.pid, 5)


def workers_of(process):
    """Return the worker processes of a run."""
    return [pid for pid in session_of(process.pid) if pid != process.pid]


def wait_for_files(process, out, count):
    """Wait until a run has written some files, or ends."""
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None and len(list(out.rglob("*.sobel-x.png"))) < count:
        time.sleep(0.002)


@needs_proc
def test_workers_killed_from_outside_cost_nothing(many, tmp_path, command, run, tree):
    out = tmp_path / "out"
    words = (many, "-k", "sobel-x", "-o", out, "-j", "2")
    process = started(command(*words), out, 5)
    killed = 0
    for count in range(10, 100, 10):  # not while the last ones get their second try: who dies then has failed
        for pid in workers_of(process)[: 1 + count % 4]:
            with contextlib.suppress(ProcessLookupError):  # it ended since it was listed
                os.kill(pid, signal.SIGTERM if count % 3 else signal.SIGKILL)
                killed += 1
        wait_for_files(process, out, count + 10)
    text, errors = process.communicate(timeout=60)
    assert killed > 5
    assert (process.returncode, text.splitlines()[-1]) == (0, "ok 162, skipped 0, failed 0"), errors
    assert gone(process.pid, 5)
    assert run(*words[:3], "-o", tmp_path / "whole", "-j", "2").returncode == 0
    assert tree(out) == tree(tmp_path / "whole")


@needs_proc
def test_a_worker_that_is_stopped_for_good_is_replaced(many, tmp_path, command):
    out = tmp_path / "out"
    process = started(command(many, "-k", "sobel-x", "-o", out, "-j", "2", "--timeout", "2"), out, 5)
    os.kill(workers_of(process)[0], signal.SIGSTOP)
    text, errors = process.communicate(timeout=60)
    assert (process.returncode, text.splitlines()[-1]) == (0, "ok 162, skipped 0, failed 0"), errors
    assert gone(process.pid, 5)


def killed_often(folder, tmp_path, command, run, tree, counts):
    """Kill the whole process group once some files are there, again and again; return what is left in the end."""
    words = (folder, "-k", "sobel-x", "-o", tmp_path / "out", "-j", "2")
    for count in counts:
        process = started(command(*words, "--resume"), tmp_path / "out", count)
        os.killpg(process.pid, signal.SIGKILL) if process.poll() is None else None
        process.communicate(timeout=60)
        assert gone(process.pid, 5)
    assert run(*words, "--resume").returncode == 0
    return tree(tmp_path / "out")


@needs_proc
def test_killed_at_any_moment_a_rerun_gives_the_same_bytes(many, tmp_path, command, run, tree):
    left = killed_often(many, tmp_path, command, run, tree, [0, 3, 60])
    assert run(many, "-k", "sobel-x", "-o", tmp_path / "whole", "-j", "2").returncode == 0
    assert left == tree(tmp_path / "whole")


@needs_proc
@pytest.mark.by_hand
def test_killed_fifty_times(many, tmp_path, command, run, tree):
    left = killed_often(many, tmp_path, command, run, tree, range(0, 150, 3))
    assert run(many, "-k", "sobel-x", "-o", tmp_path / "whole", "-j", "2").returncode == 0
    assert left == tree(tmp_path / "whole")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounts a small disk")
def test_a_small_disk_fills_up(many, tmp_path, run, tree):
    out = tmp_path / "small"
    out.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(out)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("may not mount a small disk")
    try:
        words = (many, "-k", "sobel-x", "-o", out, "-j", "2")
        done = run(*words)
        assert done.returncode == 4, done.stderr
        assert "No space left on device" in done.stderr
        assert not [name for name in tree(out) if name.endswith(b"-part")]
        for path in out.rglob("*.sobel-x.png"):
            assert path.read_bytes().endswith(b"IEND\xaeB`\x82")
        subprocess.run(["mount", "-o", "remount,size=40m", str(out)], check=True)
        assert run(*words, "--resume").returncode == 0
        assert run(*words[:3], "-o", tmp_path / "whole", "-j", "2").returncode == 0
        assert tree(out) == tree(tmp_path / "whole")
    finally:
        subprocess.run(["umount", str(out)], check=False)
