"""How the program ends: pipes, signals, completion, start-up words."""

import signal
import subprocess
import sys
import time

import pytest

PROGRAM = [sys.executable, "-m", "cnnfilter"]


def test_version(cnnfilter_run):
    import cnnfilter

    assert cnnfilter_run("--version").out == f"cnnfilter {cnnfilter.__version__}\n"


def test_no_arguments_show_help(cnnfilter_run):
    done = cnnfilter_run()
    assert "Usage: cnnfilter" in done.out + done.err


def test_a_closed_pipe_is_141_and_silent():
    writer = subprocess.Popen([*PROGRAM, "kernels", "list", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    writer.stdout.close()
    assert writer.stderr.read() == b""
    writer.stderr.close()
    assert writer.wait(60) == 141


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_leave_nothing_half_written(samples, tmp_path, sent, code):
    words = [samples / "scene.png"] + [word for _ in range(60) for word in ("-k", "gaussian:size=101")]
    program = subprocess.Popen(
        [*PROGRAM, "convolve", *map(str, words), "-f", "csv", "--padding", "same", "-q"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
    )
    for _ in range(600):  # until it works on the second result
        if any(path.suffix == ".csv" for path in tmp_path.iterdir()) or program.poll() is not None:
            break
        time.sleep(0.05)
    program.send_signal(sent)
    program.stderr.read()
    program.stderr.close()
    assert program.wait(60) == code
    assert not [path for path in tmp_path.iterdir() if path.suffix != ".csv"]


def test_kernel_names_are_completed(cnnfilter_run):
    words = {"_CNNFILTER_COMPLETE": "complete_bash", "COMP_WORDS": "cnnfilter convolve -k sobel-5", "COMP_CWORD": "3"}
    done = cnnfilter_run(env=words)
    assert "sobel-5-x" in done.out.split()


@pytest.mark.parametrize("words", [["-k", "sobel-x", "-k", "gaussian:size=31"], []])
@pytest.mark.parametrize("columns", [60, 100])
def test_plans_fit_the_terminal(cnnfilter_run, samples, words, columns):
    source = ["--size", "3000x4000"] if words else [samples / "digits" / "digits.yaml"]
    narrow = cnnfilter_run("plan", *source, *words, env={"COLUMNS": str(columns)})
    assert max(map(len, narrow.out.splitlines())) <= columns
    wide = cnnfilter_run("plan", *source, *words, env={"COLUMNS": "200"})
    assert set("".join(wide.out.split())) - {"─"} <= set("".join(narrow.out.split()))
    assert "(3-1)-1)//1+1=" in "".join(narrow.out.split())


@pytest.mark.skipif(sys.platform != "linux", reason="address space is bounded on Linux")
@pytest.mark.parametrize("megabytes", [60, 100, 120, 200])
def test_too_little_address_space_is_one_line(samples, tmp_path, megabytes):
    code = (
        f"import resource; resource.setrlimit(resource.RLIMIT_AS, ({megabytes} << 20, {megabytes} << 20))\n"
        f"from cnnfilter.cli import main; main(['convolve', {str(samples / 'scene.png')!r}, '-k', 'box'])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n"), list(tmp_path.iterdir())) == (4, 1, [])
    assert "of address space, and needs 256 to begin (ulimit -v raises it)" in done.stderr
