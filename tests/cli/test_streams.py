"""What the program prints, and what it does where it cannot: letters, closed streams, an early Ctrl-C."""

import os
import subprocess
import sys

import pytest

PROGRAM = f"{sys.executable} -m cnnfilter"


def shell(line, folder):
    """Run a line of shell; give its exit code, and what it wrote."""
    done = subprocess.run(line, shell=True, cwd=folder, capture_output=True, timeout=120, check=False)
    return done.returncode, done.stdout, done.stderr.decode()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
@pytest.mark.parametrize("words", [["show", "--table"], ["show", "--preview"], ["convolve", "--table", "-k", "box"]])
def test_streams_without_our_signs_get_plain_ones(cnnfilter_run, samples, encoding, words):
    done = cnnfilter_run(*words, samples / "grid-5x5.csv", env={"PYTHONIOENCODING": encoding, "NO_COLOR": "1"})
    assert (done.code, done.err) == (0, "")
    assert done.out.isascii()
    assert "\\u" not in done.out
    assert "---" in done.out


def test_a_closed_output_is_an_error_and_files_stay_whole(samples, tmp_path):
    line = f"{PROGRAM} convolve {samples}/scene.png -k sobel-x -o a.png"
    code, _, err = shell(f"{line} >&-", tmp_path)
    assert (code, err.count("\n")) == (4, 1)
    assert err.startswith("cnnfilter: error: 'standard output': ")
    whole = (tmp_path / "a.png").read_bytes()
    assert shell(f"{line} -q >&- 2>&- <&-", tmp_path)[0] == 0
    assert (tmp_path / "a.png").read_bytes() == whole


def test_closed_input_and_messages_change_no_exit_code(tmp_path):
    code, _, err = shell(f"{PROGRAM} convolve - -k sobel-x <&-", tmp_path)
    assert (code, err) == (3, "cnnfilter: error: 'standard input': the file is empty\n")
    assert shell(f"{PROGRAM} convolve missing.png -k sobel-x 2>&-", tmp_path)[0] == 3


def test_ctrl_c_during_the_imports_is_one_line(tmp_path):
    (tmp_path / "typer.py").write_text("raise KeyboardInterrupt\n")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    code, _, err = shell(f"PYTHONPATH={path} {PROGRAM} kernels list", tmp_path)
    assert (code, err) == (130, "cnnfilter: interrupted\n")


@pytest.mark.parametrize("spec", [b"caf\xe9", b"bank:\xe9", b'{"\xe9', b"\xe9.yaml", b"sobel-x:scale=\xe9"])
def test_a_kernel_spec_of_strange_bytes_is_a_wrong_name(samples, tmp_path, spec):
    words = [*PROGRAM.encode().split(), b"convolve", os.fsencode(samples / "scene.png"), b"-k", spec]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr.count(b"\n") == 1
    assert b"bug" not in done.stderr
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("device", ["/dev/urandom", "/dev/zero"])
def test_endless_devices_are_refused_at_their_first_bytes(tmp_path, device):
    for line in (f"{PROGRAM} convolve {device} -k blur", f"{PROGRAM} convolve - -k blur < {device}"):
        code, _, err = shell(line, tmp_path)
        assert (code, err.count("\n")) == (3, 1)
        assert "not a picture" in err


def test_endless_numbers_are_refused_at_the_limit(tmp_path):
    code, _, err = shell(f"yes 1 | {PROGRAM} convolve - -k blur --max-memory 4MB", tmp_path)
    assert (code, err.count("\n")) == (4, 1)
    assert err.startswith("cnnfilter: error: 'standard input': more than 1 MB from a pipe")
    (tmp_path / "long.csv").write_text("1\n" * 100_000)
    code, _, err = shell(f"{PROGRAM} convolve long.csv -k 1 --max-memory 4MB", tmp_path)
    assert (code, err.count("\n")) == (4, 1)
    assert "'long.csv': reading its numbers needs 15.8 MB" in err
