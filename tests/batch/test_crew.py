"""How workers start, and that what they share with the run does no harm."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from cnnfilter.batch import crew

#: So that NumPy starts no threads, as the program has it.
ALONE = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}

linux = pytest.mark.skipif(sys.platform != "linux", reason="forks on Linux alone")


@linux
def test_a_process_with_threads_is_not_forked():
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        assert not crew.may_fork()
    finally:
        stop.set()
        thread.join()


@linux
def test_a_process_with_open_stores_is_not_forked():
    script = "import {}; from cnnfilter.batch.crew import may_fork; print(may_fork())"
    for module, answer in (("os", "True"), ("fsspec", "False")):
        if module == "fsspec":
            pytest.importorskip(module)
        done = subprocess.run(
            [sys.executable, "-c", script.format(module)], capture_output=True, text=True, check=True, env=ALONE
        )
        assert done.stdout.strip() == answer


@linux
def test_a_run_on_a_terminal_forks_too(photos, tmp_path, command):
    """The bar draws without a thread of its own: the workers are this program's children, not a server's."""
    pty = pytest.importorskip("pty")
    script = (
        "import sys; from cnnfilter.batch import crew; real = crew.start_context\n"
        f"def note(forked):\n    open({str(tmp_path / 'forked')!r}, 'a').write(f'{{forked}} '); return real(forked)\n"
        "crew.start_context = note\nfrom cnnfilter.cli import main; main(sys.argv[1:])"
    )
    ours, theirs = pty.openpty()
    words = command(photos, "-k", "sobel-x", "-o", tmp_path / "out", "-j", "2")
    with subprocess.Popen(
        [words[0], "-c", script, *words[3:]], stderr=theirs, stdout=subprocess.DEVNULL, env=ALONE
    ) as process:
        os.close(theirs)
        drawn = b""
        while True:
            try:
                piece = os.read(ours, 4096)
            except OSError:
                break
            if not piece:
                break
            drawn += piece
        assert process.wait(60) == 0
    os.close(ours)
    assert b"12/12" in drawn
    assert set((tmp_path / "forked").read_text().split()) == {"True"}


@linux
def test_workers_hold_no_end_of_each_others_pipes(tmp_path):
    """Seen from outside: each worker has one socket, and not those of the run."""
    script = """
import os
from pathlib import Path
from cnnfilter.batch.crew import Worker
from cnnfilter.batch.recipe import Convolve
from cnnfilter.batch.work import Job
from cnnfilter.job.options import Options
from cnnfilter.library import load_kernels
job = Job(Convolve(kernels=tuple(load_kernels("sobel-x")), options=Options()), "out", "j")
crew = []
for _ in range(3):
    crew.append(Worker(job, None, [worker.pipe for worker in crew]))
import time
def sockets(pid):
    return sum(os.readlink(one).startswith("socket:") for one in Path(f"/proc/{pid}/fd").iterdir())
until = time.monotonic() + 20
while time.monotonic() < until and [sockets(worker.process.pid) for worker in crew] != [1, 1, 1]:
    time.sleep(0.01)
print([sockets(worker.process.pid) for worker in crew], [worker.end(kill=False) for worker in crew])
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=ALONE, check=False, cwd=Path(tmp_path),
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.stdout == "[1, 1, 1] [0, 0, 0]\n", done.stderr
