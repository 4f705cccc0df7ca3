"""How workers start, and that what they share with the run does no harm."""

import os
import subprocess
import sys
import threading

import pytest

from cnnfilter.batch import workers

#: So that NumPy starts no threads, as the program has it.
ALONE = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}

linux = pytest.mark.skipif(sys.platform != "linux", reason="forks on Linux alone")


@linux
def test_a_process_with_threads_is_not_forked():
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        assert not workers.may_fork()
    finally:
        stop.set()
        thread.join()


@linux
def test_a_process_with_open_stores_is_not_forked():
    script = "import {}; from cnnfilter.batch.workers import may_fork; print(may_fork())"
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
        "import sys; from cnnfilter.batch import workers as start; real = start.may_fork\n"
        f"def note():\n    open({str(tmp_path / 'forked')!r}, 'a').write(f'{{real()}} '); return real()\n"
        "start.may_fork = note\nfrom cnnfilter.cli import main; main(sys.argv[1:])"
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
