"""Networks of whole numbers: every layer's values are those of Python's integers, and nothing else is let through."""

import numpy as np
import pytest

import cnnfilter
from cnnfilter.core.pooling import pool2d
from cnnfilter.errors import CnnFilterError

NETWORK = """
input: {channels: 1}
layers:
  - {kind: conv, weights: w.npz#first, bias: w.npz#offsets, padding: same, name: first}
  - {kind: activation, activation: relu, name: relu}
  - {kind: conv, weights: w.npz#second, padding: 1, stride: 2, from: relu, name: second}
  - {kind: conv, weights: w.npz#second, padding: 1, stride: 2, from: relu, name: again}
  - {kind: add, from: [second, again], name: twice}
  - {kind: concat, from: [twice, second], name: beside}
  - {kind: pool, pool: 'max:2', name: largest}
  - {kind: conv-transpose, weights: w.npz#spread, stride: 2, name: spread}
  - {kind: pool, pool: 'global-max', name: all}
  - {kind: flatten, name: flat}
  - {kind: dense, weights: w.npz#dense, name: dense}
"""


@pytest.fixture
def folder(tmp_path):
    """A network of whole numbers beside its weights."""
    draw = np.random.default_rng(5)
    np.savez(
        tmp_path / "w.npz",
        first=draw.integers(-128, 128, (4, 1, 3, 3)).astype(np.int8), offsets=draw.integers(-999, 999, 4),
        second=draw.integers(-160, 161, (3, 4, 3, 3)).astype(np.int16), spread=draw.integers(-1, 2, (6, 2, 2, 2)),
        dense=draw.integers(-1, 2, (5, 2)),
    )  # fmt: skip
    (tmp_path / "net.yaml").write_text(NETWORK)
    np.save(tmp_path / "image.npy", draw.integers(0, 256, (1, 12, 16)).astype(np.uint8))
    return tmp_path


def windows_of(image, weights, stride, pads):
    """Return a convolution in Python's integers."""
    padded = np.pad(image.astype(object), ((0, 0), (pads, pads), (pads, pads)))
    rows, columns = weights.shape[-2:]
    out = [(side - size) // stride + 1 for side, size in zip(padded.shape[1:], (rows, columns), strict=True)]
    found = np.zeros((len(weights), *out), object)
    for k, r, q in np.ndindex(*found.shape):
        window = padded[:, r * stride : r * stride + rows, q * stride : q * stride + columns]
        found[k, r, q] = (window * weights[k].astype(object)).sum()
    return found


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_every_layer_is_exact(folder, dtype):
    made = cnnfilter.run_network(folder / "net.yaml", np.load(folder / "image.npy"), dtype=dtype)
    arrays = np.load(folder / "w.npz")
    first = windows_of(np.load(folder / "image.npy"), arrays["first"], 1, 1) + arrays["offsets"].reshape(-1, 1, 1)
    second = windows_of(np.maximum(first, 0), arrays["second"], 2, 1)
    beside = np.concatenate([2 * second, second])
    assert {values.dtype.name for values in made.values()} == {dtype}
    assert (made["first"] == first).all()
    assert (made["beside"] == beside).all()
    largest = pool2d(beside.astype(np.float64), "max", 2)
    assert (made["largest"] == largest).all()
    spread = cnnfilter.conv_transpose2d(largest, arrays["spread"].astype(float), stride=2)
    assert (made["dense"] == arrays["dense"] @ spread.max(axis=(1, 2))).all()
    assert np.abs(made["second"]).max() > 2**24  # more than float32 holds exactly


def test_a_batch_is_what_its_images_are(folder):
    image = np.load(folder / "image.npy")
    batch = np.stack([image, image[:, ::-1], image[:, :, ::-1]])
    whole = cnnfilter.run_network(folder / "net.yaml", batch, dtype="int64")
    for index, one in enumerate(batch):
        alone = cnnfilter.run_network(folder / "net.yaml", one, dtype="int64")
        assert all((whole[name][index] == values).all() for name, values in alone.items())


def test_run_writes_whole_numbers_and_words(folder, cnnfilter_run):
    made = cnnfilter.run_network(folder / "net.yaml", np.load(folder / "image.npy"), dtype="int32")
    words = ("run", folder / "net.yaml", folder / "image.npy", "--dtype", "int32")
    done = cnnfilter_run(*words, "--save", "second", "-f", "npy", "-o", folder / "out.npy")
    assert done.code == 0, done.err
    stored = np.load(folder / "out.npy")
    assert stored.dtype == np.int32
    assert (stored == made["second"]).all()
    done = cnnfilter_run(*words, "--save", "second", "-f", "mem", "-o", folder / "out.mem")
    assert done.code == 0, done.err
    compared = cnnfilter_run("compare", folder / "out.mem", folder / "out.npy")
    assert compared.code == 0, compared.out + compared.err


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("relu, name: relu", "sigmoid, name: relu", "layer 'relu' (sigmoid) makes fractions"),
        ("'max:2'", "'avg:2'", "layer 'largest' (pool) makes fractions"),
        ("w.npz#dense", "'0.5 1; 2 3'", "layer 'dense': weights holds 0.5"),
    ],
)
def test_fractions_are_refused_before_anything_is_computed(folder, cnnfilter_run, old, new, words):
    path = folder / "net.yaml"
    path.write_text(path.read_text().replace(old, new))
    done = cnnfilter_run("run", path, folder / "image.npy", "--dtype", "int32")
    assert done.code == 2
    assert words in done.err
    assert done.err.count("\n") == 1
    with pytest.raises(CnnFilterError) as caught:
        cnnfilter.run_network(path, np.load(folder / "image.npy"), dtype="int32")
    assert words in str(caught.value)


@pytest.mark.parametrize("kind", ["add", "multiply"])
def test_a_sum_that_does_not_fit_is_said(folder, kind):
    path = folder / "net.yaml"
    text = path.read_text().replace("kind: add", f"kind: {kind}").replace("w.npz#second", "w.npz#large")
    path.write_text(text)
    arrays = dict(np.load(folder / "w.npz"))
    arrays |= {"first": np.full((4, 1, 3, 3), 127), "large": np.full((3, 4, 3, 3), 128 if kind == "add" else 16)}
    np.savez(folder / "w.npz", **arrays)
    with pytest.raises(CnnFilterError, match=rf"'twice' \({kind}\).* int32 holds -2147483648 to 2147483647"):
        cnnfilter.run_network(path, np.full((1, 12, 16), 255, np.uint8), dtype="int32")


def test_an_image_with_fractions_is_refused(folder):
    with pytest.raises(CnnFilterError, match=r"holds 0\.5"):
        cnnfilter.run_network(folder / "net.yaml", np.full((1, 9, 9), 0.5), dtype="int32")


def test_what_is_left_of_several_pictures_is_shown(folder, cnnfilter_run):
    done = cnnfilter_run("run", folder / "net.yaml", folder / "image.npy", folder / "none.png")
    assert done.code == 3
    assert "0 layers" not in done.out
    assert "image.npy" in done.out


def test_a_terminal_of_no_columns_is_one_that_says_nothing(cnnfilter_run, samples):
    done = cnnfilter_run("show", samples / "scene.png", env={"COLUMNS": "0"})
    assert (done.code, done.err.count("bug")) == (0, 0)
