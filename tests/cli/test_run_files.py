"""The layers that `run` writes: all in one file, and which file is of which tensor."""

import io
import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from cnnfilter import run_network
from cnnfilter.cli.main import main

DIGITS = Path(__file__).parents[2] / "samples" / "digits"
NETWORK, SEVEN = str(DIGITS / "digits.yaml"), str(DIGITS / "digit-7.png")


@pytest.fixture
def program(monkeypatch, tmp_path, capfd):
    """Run the program in an empty folder; return its exit code and what it wrote."""
    monkeypatch.chdir(tmp_path)

    def call(*words):
        with pytest.raises(SystemExit) as stopped:
            main([str(word) for word in words])
        out, err = capfd.readouterr()
        return stopped.value.code or 0, out, err

    return call


def slashes(path):
    """Write a model whose tensors have names that no two files can be told apart by."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    names = ["x", "/a/b", "a-b", "y"]
    nodes = [onnx.helper.make_node("Neg", [one], [two]) for one, two in pairwise(names)]
    ends = [onnx.helper.make_tensor_value_info(name, 1, [1, 1, 2, 2]) for name in ("x", "y")]
    graph = onnx.helper.make_graph(nodes, "g", ends[:1], ends[1:])
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def test_all_layers_in_one_file(program):
    code, out, _ = program("run", NETWORK, SEVEN, "-o", "all.npz")
    assert code == 0
    assert "wrote all.npz" in out
    held, wanted = np.load("all.npz"), run_network(NETWORK, SEVEN)
    assert list(held) == list(wanted)
    for name, values in wanted.items():
        np.testing.assert_array_equal(held[name], values)
    program("run", NETWORK, SEVEN, "--save", "conv*", "-o", "some.npz")
    assert list(np.load("some.npz")) == ["conv1", "conv2"]
    assert sorted(path.name for path in Path().iterdir()) == ["all.npz", "some.npz"]


def test_all_layers_on_standard_output():
    words = [sys.executable, "-m", "cnnfilter", "run", NETWORK, SEVEN, "-f", "npz", "-o", "-", "-q"]
    done = subprocess.run(words, capture_output=True, check=True)
    assert len(np.load(io.BytesIO(done.stdout))) == 10


def test_one_file_holds_the_layers_of_one_picture(program):
    code, _, err = program("run", NETWORK, SEVEN, DIGITS / "digit-3.png", "-o", "all.npz")
    assert (code, list(Path().iterdir())) == (2, [])
    assert "2 results cannot all go to 'all.npz'" in err


def test_names_of_tensors_are_kept_beside_files_that_cannot_have_them(program):
    model = slashes("m.onnx")
    Path("p.csv").write_text("1 2\n3 4\n")
    code, out, _ = program("run", model, "p.csv", "-f", "npy", "-o", "o/")
    assert code == 0
    assert "m.layers.json" in out
    told = json.loads(Path("o/m.layers.json").read_text())
    assert told["network"] == "m"
    assert [row["layer"] for row in told["files"]] == ["/a/b", "a-b", "y"]
    signs = {"/a/b": -1, "a-b": 1, "y": -1}
    assert len({row["path"] for row in told["files"]}) == 3
    for row in told["files"]:
        np.testing.assert_array_equal(
            np.load(row["path"]), [[[signs[row["layer"]] * n for n in r] for r in ((1, 2), (3, 4))]]
        )
    program("run", model, "p.csv", "-o", "all.npz")
    told = json.loads(Path("m.layers.json").read_text())
    held = np.load("all.npz")
    for row in told["files"]:
        assert held[row["member"]][0, 0, 0] == signs[row["layer"]]
    _, out, _ = program("run", model, "p.csv", "-f", "npy", "-o", "o/", "--json")
    assert [row["layer"] for row in json.loads(out)["results"][0]["files"]] == ["/a/b", "a-b", "y"]


def test_the_names_never_replace_an_input(program):
    model = slashes("m.onnx")
    Path("m.layers.json").write_text("[[1, 2], [3, 4]]")
    code, _, err = program("run", model, "m.layers.json", "-f", "npy")
    assert (code, Path("m.layers.json").read_text()) == (2, "[[1, 2], [3, 4]]")
    assert "is an input" in err
