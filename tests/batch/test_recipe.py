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


SIGMOIDS = """
input: {size: [1, 1]}
layers: [{kind: flatten}, {kind: dense, weights: "2; 1; -3"}, {kind: activation, activation: sigmoid}]
classes: [cat, dog, fish]
"""


def test_sigmoids_and_values_in_the_manifest(tmp_path, run):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "one.pgm").write_text("P2 1 1 1 1\n")
    (tmp_path / "net.yaml").write_text(SIGMOIDS)
    done = run(tmp_path / "in", "--network", tmp_path / "net.yaml", "-o", tmp_path / "out", "-j", "0")
    assert done.returncode == 0, done.stderr
    row = json.loads((tmp_path / "out" / "manifest.jsonl").read_text())["maps"][-1]
    assert (row["prediction"], row["softmax_applied"], row["class"]) == ("independent", False, "cat")
    assert [share for _, share in row["classes"]] == pytest.approx([0.880797, 0.731059, 0.047426], abs=1e-6)
    (tmp_path / "net.yaml").write_text(SIGMOIDS.replace("sigmoid", "relu"))
    done = run(tmp_path / "in", "--network", tmp_path / "net.yaml", "-o", tmp_path / "values", "-j", "0")
    assert done.returncode == 0, done.stderr
    row = json.loads((tmp_path / "values" / "manifest.jsonl").read_text())["maps"][-1]
    assert "class" not in row
    done = run(tmp_path / "in", "--network", tmp_path / "net.yaml", "-o", tmp_path / "asked", "-j", "0", "--softmax")
    row = json.loads((tmp_path / "asked" / "manifest.jsonl").read_text())["maps"][-1]
    assert (row["prediction"], row["softmax_applied"]) == ("distribution", True)
    (tmp_path / "net.yaml").write_text(SIGMOIDS)
    done = run(tmp_path / "in", "--network", tmp_path / "net.yaml", "-o", tmp_path / "no", "-j", "0", "--softmax")
    assert (done.returncode, (tmp_path / "no").exists()) == (2, False)


def test_nothing_is_written_but_the_manifest_unless_asked_for(tmp_path, run, tree):
    done = run(DIGITS, "--network", DIGITS / "digits.yaml", "-o", tmp_path / "out", "-j", "0")
    assert done.returncode == 0, done.stderr
    assert set(tree(tmp_path / "out")) == {b"manifest.jsonl", b"manifest.csv"}
    again = run(DIGITS, "--network", DIGITS / "digits.yaml", "-o", tmp_path / "out", "-j", "0", "--resume")
    assert again.stdout.splitlines()[-1].startswith("ok 0, skipped 1")


def test_kernels_or_a_network(tmp_path, run):
    done = run(DIGITS, "-k", "sobel-x", "--network", DIGITS / "digits.yaml", "-o", tmp_path / "out")
    assert done.returncode == 2
