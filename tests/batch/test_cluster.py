"""Dask gives the same bytes, and a worker that is killed costs nothing."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import batch_recipes
import pytest

from cnnfilter.batch import cluster as cluster_module
from cnnfilter.batch.place import place_of
from cnnfilter.batch.roots import parse_roots
from cnnfilter.batch.run import Setup, run_batch
from cnnfilter.library import load_kernels
from cnnfilter.run.options import Options
from cnnfilter.views.batch import Silent

pytest.importorskip("distributed")


@pytest.fixture
def many(photos, paint):
    for index in range(60):
        paint(photos / "many" / f"q{index:03}.png", index, (3, 96, 96))
    return photos


def test_a_cluster_of_our_own_gives_the_same_bytes(photos, tmp_path, run, tree):
    (photos / "bad.png").touch()
    assert run(photos, "-k", "sobel-x", "-o", tmp_path / "here", "-j", "2").returncode == 3
    done = run(photos, "-k", "sobel-x", "-o", tmp_path / "there", "--cluster", "local:2")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (3, "ok 12, skipped 0, failed 1")
    assert tree(tmp_path / "here") == tree(tmp_path / "there")


def test_nobody_at_the_address_is_a_resource(photos, tmp_path, run):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        done = run(
            photos, "-k", "sobel-x", "-o", tmp_path / "out", "--cluster", f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        )
    assert done.returncode == 4
    assert "no Dask scheduler answers" in done.stderr


@pytest.fixture
def cluster(tmp_path):
    """Yield a scheduler's address and two worker processes on the loopback interface."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    port = address.rpartition(":")[2]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True, "cwd": tmp_path}
    words = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
    processes = [subprocess.Popen([*words, "--host", "127.0.0.1", "--port", port, "--no-dashboard"], **quiet)]
    words = [
        sys.executable,
        "-m",
        "distributed.cli.dask_worker",
        address,
        "--nthreads",
        "1",
        "--no-nanny",
        "--no-dashboard",
    ]
    processes += [
        subprocess.Popen([*words, "--host", "127.0.0.1", "--local-directory", str(tmp_path / f"w{n}")], **quiet)
        for n in range(2)
    ]
    try:
        yield address, processes
    finally:
        for process in processes:
            process.kill()
            process.wait(10)


def written(out):
    return len(list(out.rglob("*.sobel-x.png")))


def test_a_worker_killed_in_the_middle_costs_nothing(many, tmp_path, run, command, tree, cluster):
    address, processes = cluster
    out = tmp_path / "there"
    process = subprocess.Popen(
        command(many, "-k", "sobel-x", "-o", out, "--cluster", address), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None and written(out) < 10:
        time.sleep(0.005)
    os.kill(processes[1].pid, signal.SIGKILL)
    try:
        text, errors = process.communicate(timeout=90)
    finally:
        process.kill()
    assert (process.returncode, text.splitlines()[-1]) == (0, "ok 72, skipped 0, failed 0"), errors
    assert run(many, "-k", "sobel-x", "-o", tmp_path / "here", "-j", "2").returncode == 0
    assert tree(tmp_path / "here") == {
        name: digest for name, digest in tree(out).items() if not name.endswith(b"-part")
    }


def test_a_lost_scheduler_stops_the_run_and_resume_ends_it(many, tmp_path, run, command, tree, cluster):
    address, processes = cluster
    out = tmp_path / "there"
    process = subprocess.Popen(
        command(many, "-k", "sobel-x", "-o", out, "--cluster", address), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None and written(out) < 10:
        time.sleep(0.005)
    processes[0].kill()
    try:
        _, errors = process.communicate(timeout=90)
    finally:
        process.kill()
    assert process.returncode == 4, errors
    assert "is gone" in errors
    for one in processes:
        one.kill()
    assert run(many, "-k", "sobel-x", "-o", out, "--resume", "-j", "2").returncode == 0
    assert run(many, "-k", "sobel-x", "-o", tmp_path / "here", "-j", "2").returncode == 0
    assert tree(tmp_path / "here") == tree(out)


def test_an_image_that_hangs_on_a_cluster_is_given_up(photos, tmp_path):
    shutil.copy(photos / "p01.png", photos / "hang.png")
    recipe = batch_recipes.Misbehaving(kernels=tuple(load_kernels("sobel-x")), options=Options())
    setup = Setup(
        roots=parse_roots([str(photos)]), place=place_of(str(tmp_path / "out")), cluster="local:2", timeout=4.0
    )
    totals = run_batch(setup, recipe, Silent(), lambda *_: None)
    assert (totals.ok, totals.failed) == (12, 1)
    assert "took longer than 4 seconds" in totals.failures[0].reason


def test_chunks_grow_with_short_work_and_shrink_with_long():
    chunks = cluster_module._Chunks(None, None, None, 1.0, alone=False)
    future = type("Future", (), {"result": lambda self: self.value})()
    future.value = (0.004, ["outcome"] * 4)
    for expected in (8, 16, 32, 64, 128, cluster_module.LARGEST_CHUNK):
        assert chunks._outcomes(future, ["item"] * 4) == ["outcome"] * 4
        assert chunks.size == expected
    future.value = (4.0, ["outcome"])
    chunks._outcomes(future, ["item"])
    assert chunks.size == 1
