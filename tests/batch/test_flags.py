"""Every flag of `convolve`, and those of `run`, mean the same over a folder."""

import inspect
import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from cnnfilter.cli.batch import batch
from cnnfilter.cli.convolve import convolve
from cnnfilter.cli.run import run as run_command

DIGITS = Path(__file__).parents[2] / "samples" / "digits"

#: What shows one image on the screen, or names a single result.
NOT_IN_A_BATCH = {"images", "table", "heat", "at", "preview", "open_"}
#: One picture's golden vectors, and their words: those of a batch have the bits of the numbers' type.
FOR_A_TESTBENCH = {"golden", "word"}


def test_every_flag_of_convolve_is_there():
    missing = set(inspect.signature(convolve).parameters) - set(inspect.signature(batch).parameters)
    assert missing == NOT_IN_A_BATCH | FOR_A_TESTBENCH


def test_the_overrides_of_run_are_there():
    missing = set(inspect.signature(run_command).parameters) - set(inspect.signature(batch).parameters)
    assert missing == NOT_IN_A_BATCH - {"preview"} | {"maps", "top", "labels", "layer", "layers"}


@pytest.mark.parametrize(
    "words",
    [
        ["-k", "sobel-x", "-k", "sobel-y", "--combine", "magnitude", "-f", "png", "-f", "npy"],
        ["-k", "gaussian:sigma=1", "--as", "opencv"],
        ["-k", "sobel-x", "-k", "sobel-y", "--combine", "argmax", "--as", "scipy", "--threads", "2", "--stack"],
    ],
)
def test_names_and_bytes_are_those_of_convolve(photos, tmp_path, run, command, words):
    assert (done := run(photos, *words, "-o", tmp_path / "out", "-j", "2")).returncode == 0, done.stderr
    program = command()[:3]
    subprocess.run([*program, "convolve", "p01.png", *words, "-o", f"{tmp_path}/one/"], cwd=photos, check=True)
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "out").glob("p01.*"))
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "out" / name).read_bytes()
    assert not list((tmp_path / "out").rglob("*-part"))


def test_two_kernels_of_one_name_lose_nothing(photos, tmp_path, run):
    for name, weight in (("a", 1), ("b", 2)):
        (tmp_path / f"{name}.npy").parent.mkdir(exist_ok=True)
        folder = tmp_path / name
        folder.mkdir()
        np.save(folder / "edge.npy", np.full((3, 3), weight, np.float64))
    kernels = [word for name in "ab" for word in ("-k", str(tmp_path / name / "edge.npy"))]
    done = run(photos, *kernels, "-f", "npy", "-o", tmp_path / "out", "-j", "0")
    assert done.returncode == 0, done.stderr
    first, second = (np.load(tmp_path / "out" / f"p01.{name}.npy") for name in ("edge", "edge-2"))
    assert np.array_equal(2 * first, second)


def test_threads_do_not_undo_what_is_done(photos, tmp_path, run):
    words = (photos, "-k", "sobel-x", "-o", tmp_path / "out", "-j", "1")
    assert run(*words).returncode == 0
    assert run(*words, "--threads", "2", "--resume").stdout.splitlines()[-1].startswith("ok 0, skipped 12")
    assert run(*words, "--threads", "0").returncode == 2


def test_the_input_of_a_network_can_be_replaced(tmp_path, run, command):
    words = ["--size", "8x8", "--range", "stored", "--mean", "3", "--std", "2", "--resize", "crop"]
    done = run(DIGITS, "--network", DIGITS / "digits.yaml", *words, "-o", tmp_path / "out", "-j", "2")
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in (tmp_path / "out" / "manifest.jsonl").read_text().splitlines()]
    ran = subprocess.run(
        [*command()[:3], "run", DIGITS / "digits.yaml", DIGITS / "digit-7.png", *words, "--json"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    wanted = json.loads(ran.stdout)["results"][0]["scores"][0]["probability"]
    assert lines[7]["maps"][-1]["score"] == pytest.approx(wanted)
    plain = run(DIGITS, "--network", DIGITS / "digits.yaml", "-o", tmp_path / "out", "--resume", "-j", "0")
    assert plain.stdout.splitlines()[-1].startswith("ok 10, ")  # another input is another job


@pytest.mark.parametrize(
    ("words", "flag"),
    [
        (["-k", "sobel-x", "--size", "8x8"], "--size goes with --network"),
        (["-k", "sobel-x", "--save", "all"], "--save goes with --network"),
        (["--network", str(DIGITS / "digits.yaml"), "--stride", "2"], "--stride goes with -k"),
        (["--network", str(DIGITS / "digits.yaml"), "--as", "scipy"], "--as goes with -k"),
        (["-k", "sobel-x", "--colormap", "nosuch"], "nosuch"),
        (["-k", "sobel-x", "--combine", "nosuch"], "nosuch"),
    ],
)
def test_a_flag_that_would_do_nothing_is_refused(photos, tmp_path, run, words, flag):
    done = run(photos, *words, "-o", tmp_path / "out")
    assert done.returncode == 2
    assert flag in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_kernel_file_is_never_overwritten(photos, tmp_path, run):
    out = tmp_path / "out"
    out.mkdir()
    kernel = out / "p01.p01.npy"
    np.save(kernel, np.ones((3, 3)))
    (tmp_path / "p01.npy").symlink_to(kernel)
    done = run(photos, "-k", tmp_path / "p01.npy", "-f", "npy", "-o", out, "--overwrite", "-j", "0")
    assert done.returncode == 2, done.stderr
    assert "is an input" in done.stderr
    assert np.load(kernel).shape == (3, 3)
