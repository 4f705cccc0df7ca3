"""The lines of docs/models.md, each tensor held against ONNX Runtime's own, where their packages are installed."""

import importlib.util
import json
import re
import shlex
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "models.md").read_text()
LINES = re.findall(r"^cnnfilter run (.+)$", PAGE, re.MULTILINE)
COUNTS = [int(count) for count in re.findall(r"^\|.*\| (\d+) \|$", PAGE, re.MULTILINE)]


def installed(model):
    """Return a model's path inside its package, which is not imported; skip where there is none."""
    package, _, inside = model.partition("/")
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        pytest.skip(f"{package} is not installed")
    return Path(found.submodule_search_locations[0]) / inside


def make_inputs(folder, words):
    """Write what the line reads; return the picture as it is stored, if there is one."""
    pixels = None
    if "photo.png" in words:
        rows, columns = map(int, words[words.index("--size") + 1].split("x"))
        with Image.open(ROOT / "samples" / "scene.jpg") as scene:
            photo = scene.convert("L" if "ddddocr" in words[0] else "RGB").crop((60, 40, 60 + columns, 40 + rows))
        photo.save(folder / "photo.png")
        pixels = np.moveaxis(np.atleast_3d(np.asarray(photo)), -1, 0)
    np.save(folder / "sound.npy", np.random.default_rng(0).normal(0, 0.1, (1, 576)).astype(np.float32))
    np.save(folder / "state.npy", np.zeros((2, 1, 128), np.float32))
    np.save(folder / "half.npy", np.zeros((1, 1, 128), np.float32))
    np.save(folder / "bytes.npy", (np.arange(2048) % 256)[None].astype(np.int32))
    return pixels


def fed(words, pixels, folder, session):
    """Return what the line means to ONNX Runtime, made without this package."""
    said = [word.split("=") for flag, word in pairwise(words) if flag == "--input"]
    types = {"tensor(float)": np.float32, "tensor(int64)": np.int64, "tensor(int32)": np.int32}
    kinds = {one.name: (types[one.type], one.shape) for one in session.get_inputs()}
    feeds = {}
    for name, value in said:
        numbers = np.load(folder / value) if value.endswith(".npy") else np.array(float(value))
        dtype, shape = kinds[name]
        feeds[name] = numbers.astype(dtype).reshape(numbers.shape if value.endswith(".npy") else [1] * len(shape))
    (rest,) = [name for name in kinds if name not in feeds] or [None]
    if pixels is not None:
        values = pixels.astype(np.float32) / np.float32(255)
        feeds[rest] = ((values - np.float32(0.5)) / np.float32(0.5) if "--mean" in words else values)[None]
    elif rest is not None:
        feeds[rest] = np.load(folder / words[1])
    return feeds


@pytest.mark.long
@pytest.mark.parametrize(("line", "count"), list(zip(LINES, COUNTS, strict=True)))
def test_every_tensor_is_that_of_onnx_runtime(line, count, tmp_path, cnnfilter_run):
    words = shlex.split(line)
    path = installed(words[0])
    pixels = make_inputs(tmp_path, words)
    done = cnnfilter_run("run", path, *words[1:], "-o", "all.npz")
    assert done.code == 0, done.err
    stored = np.load(tmp_path / "all.npz")
    names_file = next(tmp_path.glob("*.layers.json"), None)  # where a name is none that a file may hold
    rows = json.loads(names_file.read_text())["files"] if names_file else [{"layer": n, "member": n} for n in stored]
    made = {row["layer"]: stored[row["member"]] for row in rows}
    model = onnx.load(path)
    known = {one.name for one in model.graph.output}
    names = [name for node in model.graph.node for name in node.output if name in made]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in known)
    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    theirs = dict(zip(names, session.run(names, fed(words, pixels, tmp_path, session)), strict=True))
    assert len(names) == len(made) == count
    for name in names:
        assert made[name].ravel().tolist() == theirs[name].ravel().tolist(), name
