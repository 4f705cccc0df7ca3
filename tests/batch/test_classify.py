"""A network over a folder: what `run` says of each picture, in the manifest and in a table."""

import json
from pathlib import Path

import numpy as np
import pytest

DIGITS = Path(__file__).parents[2] / "samples" / "digits"


@pytest.mark.parametrize("jobs", ["0", "2"])
def test_digits_are_read(tmp_path, run, jobs):
    done = run(
        DIGITS, "--network", DIGITS / "digits.yaml", "-o", tmp_path / "out", "--save", "conv1,softmax", "-f", "npy",
        "--features", tmp_path / "t.npy", "--measures", "mean", "-j", jobs,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in (tmp_path / "out" / "manifest.jsonl").read_text().splitlines()]
    assert [line["maps"][-1]["class"] for line in lines] == [str(digit) for digit in range(10)]
    assert [row["kernel"] for row in lines[0]["maps"]] == ["conv1", "softmax"]
    maps = np.load(tmp_path / "out" / "digit-3.conv1.npy")
    table = np.load(tmp_path / "t.npy")
    assert table.shape == (10, len(maps) + 10)
    assert table[3, : len(maps)] == pytest.approx(maps.mean((1, 2)))
    assert table[:, len(maps) :].argmax(1).tolist() == [*range(10)]


def test_nothing_is_written_but_the_manifest_unless_asked_for(tmp_path, run, tree):
    done = run(DIGITS, "--network", DIGITS / "digits.yaml", "-o", tmp_path / "out", "-j", "0")
    assert done.returncode == 0, done.stderr
    assert set(tree(tmp_path / "out")) == {b"manifest.jsonl", b"manifest.csv"}
    again = run(DIGITS, "--network", DIGITS / "digits.yaml", "-o", tmp_path / "out", "-j", "0", "--resume")
    assert again.stdout.splitlines()[-1].startswith("ok 0, skipped 1")


def test_kernels_or_a_network(tmp_path, run):
    done = run(DIGITS, "-k", "sobel-x", "--network", DIGITS / "digits.yaml", "-o", tmp_path / "out")
    assert done.returncode == 2
