"""Nothing that a job reads is ever written over: exit 2, "is an input", and every file as it was."""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

BY_NAME = '{"kernels": {"inner": {"matrix": "1 1 1"}}, "banks": {"outer": {"kernels": ["inner", "far"]}}}'
NETWORK = "input: {channels: 1, size: [8, 8]}\nlayers:\n  - {kind: conv, name: c, weights: W.npy}\n"
OF_KERNELS = "input: {channels: 1, size: [8, 8]}\nlayers:\n  - {kind: conv, name: c, kernels: 'mine.json#edge'}\n"


@pytest.fixture
def place(tmp_path):
    """A folder with everything that a job may read."""
    for folder in ("in", "r", "own"):
        (tmp_path / folder).mkdir()
    Image.fromarray(np.full((8, 8), 9, np.uint8)).save(tmp_path / "in" / "p.png")
    np.save(tmp_path / "r" / "grid.npy", np.arange(25.0).reshape(5, 5))
    np.save(tmp_path / "k.npy", np.ones((3, 3)))
    np.save(tmp_path / "W.npy", np.ones((2, 1, 3, 3), np.float32))
    (tmp_path / "net.yaml").write_text(NETWORK)
    (tmp_path / "of-kernels.yaml").write_text(OF_KERNELS)
    (tmp_path / "mine.json").write_text('{"kernels": {"edge": {"matrix": "1 0 -1"}}}')
    (tmp_path / "own" / "names.json").write_text(BY_NAME)
    (tmp_path / "own" / "far.json").write_text('{"kernels": {"far": {"matrix": "1 2 1"}}}')
    (tmp_path / "list.csv").write_text("in/p.png\n")
    (tmp_path / "t.rows.txt").write_text("in/p.png\n")
    (tmp_path / "soft.npy").symlink_to("k.npy")
    os.link(tmp_path / "in" / "p.png", tmp_path / "hard.npy")
    return tmp_path


def digests(folder):
    return {path: hashlib.sha256(path.read_bytes()).digest() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "line",
    [
        "batch in -k k.npy -o o --features k.npy",
        "batch in -k k.npy -o o --features soft.npy",
        "batch in -k box -o o --features hard.npy",
        "batch in --network net.yaml -o o --features W.npy",
        "batch r -k 1 -o o --features r/grid.npy",
        "batch @list.csv -k box -o o --features list.csv",
        "batch t.rows.txt -k box -o o --features t.npy",
        "convolve in/p.png -k box -o in/p.png",
        "convolve r/grid.npy -k box -f npy -o r/grid.npy",
        "convolve in/p.png -k k.npy -o soft.npy",
        "convolve in/p.png -k mine.json -f json -o mine.json",
        "convolve in/p.png -k bank:outer --kernel-dir own --stack -f json -o own/names.json",
        "convolve in/p.png -k bank:outer --kernel-dir own --stack -f json -o own/far.json",
        "pool r/grid.npy --pool max:2 -f npy -o r/grid.npy",
        "activate r/grid.npy --activation relu -f npy -o r/../r/grid.npy",
        "run net.yaml in/p.png --save c -f npy -o W.npy",
        "run net.yaml in/p.png --save c -f json -o net.yaml",
        "run of-kernels.yaml in/p.png --save c -o mine.json",
        "run net.yaml in/p.png --save c -f png -o in/p.png",
        "kernels export mine.json --to json -o mine.json",
        "kernels export soft.npy --to npy -o k.npy",
        "kernels export bank:outer --kernel-dir own --to json -o own/far.json",
        "kernels export sobel-x --to pillow --image in/p.png -o in/p.png",
        "kernels show k.npy -o drawn.png",
    ],
)
def test_what_is_read_is_refused_as_an_output(cnnfilter_run, place, line):
    (place / "drawn.png").symlink_to("k.npy")
    before = digests(place)
    done = cnnfilter_run(*line.split())
    assert done.code == 2, done.out + done.err
    assert "is an input, and inputs are never overwritten" in done.err
    assert done.err.count("\n") == 1
    assert digests(place) == before
    assert not (place / "o").exists()


@pytest.mark.parametrize("inside", ["initializer", "constant"])
@pytest.mark.parametrize(
    "line", ["run m.onnx in/p.png --save y -f npy -o w.npy", "batch in --network m.onnx -o o --features w.npy"]
)
def test_external_data_of_a_model_is_an_input(cnnfilter_run, place, line, inside):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    helper = onnx.helper
    array = onnx.numpy_helper.from_array(np.ones((2, 1, 3, 3), np.float32), "w")
    nodes = [helper.make_node("Conv", ["x", "w"], ["y"])]
    if inside == "constant":
        nodes.insert(0, helper.make_node("Constant", [], ["w"], value=array))
    shapes = [helper.make_tensor_value_info(*one) for one in (("x", 1, [1, 1, 8, 8]), ("y", 1, None))]
    graph = helper.make_graph(nodes, "g", shapes[:1], shapes[1:], [array] if inside == "initializer" else [])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    where = {"save_as_external_data": True, "location": "w.data", "size_threshold": 0, "convert_attribute": True}
    onnx.save_model(model, place / "m.onnx", **where)
    (place / "w.npy").symlink_to("w.data")
    assert cnnfilter_run("run", "m.onnx", "in/p.png").code == 0
    before = digests(place)
    done = cnnfilter_run(*line.split())
    assert done.code == 2
    assert "is an input, and inputs are never overwritten" in done.err
    assert digests(place) == before


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("batch in -k box -o o --features o/manifest.csv", "is the manifest of this run"),
        ("batch in -k box -f csv -o o --features o/p.box.csv", "'o/p.box.csv' is a result of 'p.png' too"),
        ("batch in -k box -f csv -o o --features o/P.BOX.CSV", "'o/P.BOX.CSV' is a result of 'p.png' too"),
        ("run net.yaml in/p.png --save c --maps -f png -o x.png", "3 results cannot all go to 'x.png'"),
        ("convolve in/p.png r/grid.npy -k box -o links/", "are one file by a link"),
    ],
)
def test_two_results_never_share_a_file(cnnfilter_run, place, line, words):
    (place / "o").mkdir()
    (place / "links").mkdir()
    (place / "links" / "p.box.png").touch()
    (place / "links" / "grid.box.png").symlink_to("p.box.png")
    before = digests(place)
    done = cnnfilter_run(*line.split())
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert words in done.err
    assert digests(place) == before


def test_standard_output_may_be_an_input_too(place):
    before = digests(place)
    for line in ("convolve in/p.png -k box -o -", "kernels export mine.json --to json"):
        file = place / line.split()[1] if "convolve" in line else place / "mine.json"
        with file.open("r+b") as stream:
            words = [sys.executable, "-m", "cnnfilter", *line.split()]
            done = subprocess.run(words, cwd=place, stdout=stream, stderr=subprocess.PIPE, check=False)
        assert done.returncode == 2
        assert b"standard output is an input" in done.stderr
    assert digests(place) == before


def test_other_files_are_replaced(cnnfilter_run, place):
    assert cnnfilter_run("convolve", "in/p.png", "-k", "box", "-o", "r/new.png").code == 0
    assert cnnfilter_run("convolve", "in/p.png", "-k", "sobel-x", "-o", "r/new.png").code == 0
    assert cnnfilter_run("kernels", "export", "sobel-x", "--to", "json", "-o", "mine.json").code == 0
    assert '"sobel-x"' in (place / "mine.json").read_text()
