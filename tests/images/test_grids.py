"""The order of a stored array's axes: told, guessed with a word, or asked for."""

import json

import numpy as np
import pytest

import cnnfilter
from cnnfilter.errors import UnknownNameError
from cnnfilter.images.frames import Reading
from cnnfilter.images.read import open_picture

RNG = np.random.default_rng(3)


def stored(tmp_path, shape, name="a.npy"):
    values = RNG.integers(0, 256, shape).astype(np.uint8)
    path = tmp_path / name
    if name.endswith("npz"):
        np.savez(path, values)
    elif name.endswith("json"):
        path.write_text(json.dumps(values.tolist()))
    else:
        np.save(path, values)
    return path, values


@pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.json"])
@pytest.mark.parametrize("shape", [(6, 8, 3), (5, 5, 4), (480, 640, 3), (7, 100, 4)])
def test_channels_last_are_recognised(tmp_path, shape, name):
    path, values = stored(tmp_path, shape, name)
    picture = open_picture(path)
    np.testing.assert_array_equal(picture.array(), values.transpose(2, 0, 1))
    rows, columns, channels = shape
    assert picture.notes == (
        f"{shape} is read as {rows} x {columns} pixels of {channels} channels "
        f"(--layout CHW reads {columns} x {channels} pixels of {rows} channels)",
    )
    as_stored = open_picture(path, reading=Reading("CHW"))
    np.testing.assert_array_equal(as_stored.array(), values)
    assert as_stored.notes == ()


@pytest.mark.parametrize("fold", [False, True])
@pytest.mark.parametrize("shape", [(1, 6, 8, 3), (1, 1, 480, 64, 4), (1, 6, 8, 2), (1, 3, 6, 8)])
def test_a_batch_of_one_picture_is_read_like_that_picture(tmp_path, shape, fold):
    path, values = stored(tmp_path, shape)
    one, _ = stored(tmp_path, shape[-3:], "one.npy")
    np.save(one, values.reshape(shape[-3:]))
    for layout in ("auto", "CHW", "HWC"):
        got, wanted = (open_picture(each, reading=Reading(layout), fold=fold) for each in (path, one))
        np.testing.assert_array_equal(got.array(), wanted.array())
        assert got.notes == wanted.notes


@pytest.mark.parametrize("shape", [(3, 5, 3), (4, 4, 4), (64, 4, 4), (10, 3, 3), (1, 5, 3), (3, 480, 4), (480, 640, 1)])
def test_what_cannot_be_told_gets_both_readings(tmp_path, shape):
    path, values = stored(tmp_path, shape)
    picture = open_picture(path)
    np.testing.assert_array_equal(picture.array(), values)
    (note,) = picture.notes
    assert f"is read as {shape[1]} x {shape[2]} pixels of {shape[0]} channel" in note
    assert f"(--layout HWC reads {shape[0]} x {shape[1]} pixels of {shape[2]} channel" in note
    last = open_picture(path, reading=Reading("HWC"))
    np.testing.assert_array_equal(last.array(), values.transpose(2, 0, 1))
    assert last.notes == ()


@pytest.mark.parametrize("shape", [(3, 6, 8), (1, 480, 640), (64, 7, 9), (12,), (5, 6)])
def test_what_is_plain_needs_no_word(tmp_path, shape):
    path, values = stored(tmp_path, shape)
    assert open_picture(path).notes == ()
    np.testing.assert_array_equal(open_picture(path).array().reshape(shape), values)


def test_what_says_its_order_itself_is_not_guessed(cnnfilter_run, tmp_path):
    np.savetxt(tmp_path / "g.csv", np.arange(35).reshape(7, 5), fmt="%d", delimiter=",")
    names = ("sobel-x", "sobel-y", "box", "prewitt-x", "prewitt-y", "scharr-x")
    kernels = [word for name in names for word in ("-k", name)]
    cnnfilter_run("convolve", "g.csv", *kernels, "--stack", "-f", "json", "-f", "csv", "-o", "out/")
    for path in (tmp_path / "out").iterdir():
        picture = open_picture(path)
        assert (picture.shape, picture.notes) == ((6, 5, 3), ())


def test_a_batch_of_pictures_folds(tmp_path):
    path, values = stored(tmp_path, (2, 20, 30, 3))
    picture = open_picture(path, fold=True)
    np.testing.assert_array_equal(picture.array(), values.transpose(0, 3, 1, 2).reshape(6, 20, 30))


def test_layouts_on_the_command_line(cnnfilter_run, tmp_path):
    _, values = stored(tmp_path, (6, 8, 3))
    for command in (["convolve", "-k", "1"], ["pool", "--pool", "max:1"], ["activate", "-a", "identity"]):
        words = (command[0], "a.npy", *command[1:], "-o", "b.npy")
        done = cnnfilter_run(*words)
        assert "note: 'a.npy': (6, 8, 3) is read as 6 x 8 pixels of 3 channels" in done.err
        np.testing.assert_array_equal(np.load(tmp_path / "b.npy"), values.transpose(2, 0, 1))
        done = cnnfilter_run(*words, "--layout", "CHW")
        assert "is read as" not in done.err
        np.testing.assert_array_equal(np.load(tmp_path / "b.npy"), values)
        done = cnnfilter_run(*words[:-1], "c.npy", "--layout", "WHC")
        assert (done.code, (tmp_path / "c.npy").exists()) == (2, False)
        assert "unknown layout 'WHC'" in done.err


def test_networks_take_both_kinds_of_layout(cnnfilter_run, samples, tmp_path):
    path, _ = stored(tmp_path, (8, 9, 3))
    net = samples / "digits" / "digits.yaml"
    words = ("run", net, path, "--json")
    assert cnnfilter_run(*words, "--layout", "HWC").err == cnnfilter_run(*words, "--layout", "HWC").err
    assert "is read as 8 x 9 pixels" in cnnfilter_run(*words[:-1]).err + cnnfilter_run(*words).out
    assert cnnfilter_run(*words, "--layout", "XYZ").code == 2
    done = cnnfilter_run("batch", path, "-k", "1", "-o", "out", "--layout", "NHWC")
    assert (done.code, (tmp_path / "out").exists()) == (2, False)
    assert "--layout NHWC goes with --network" in done.err


def test_python_reads_a_layout(tmp_path):
    path, values = stored(tmp_path, (3, 5, 3))
    np.testing.assert_array_equal(cnnfilter.read_image(path), values)
    np.testing.assert_array_equal(cnnfilter.read_image(path, layout="HWC"), values.transpose(2, 0, 1))
    with pytest.raises(UnknownNameError, match="unknown layout 'hwc'"):
        cnnfilter.read_image(path, layout="hwc")


def test_numbers_ask_for_memory_first(cnnfilter_run, tmp_path):
    np.savez_compressed(tmp_path / "bomb.npz", np.zeros((1000, 4000)))
    (tmp_path / "bomb.json").write_text("[" + "[0]," * 200_000 + "[0]]")
    (tmp_path / "bomb.pgm").write_text("P2 1000 1000 9 " + "1 " * 1_000_000)
    np.save(tmp_path / "bomb.npy", np.zeros((1000, 400)))
    for name in ("bomb.npz", "bomb.json", "bomb.pgm", "bomb.npy"):
        done = cnnfilter_run("convolve", name, "-k", "1", "--max-memory", "3MB", "-o", "x.png")
        assert (done.code, done.err.count("\n")) == (4, 1)
        assert f"'{name}': " in done.err
        assert "over the limit of 3 MB" in done.err


def test_pixels_are_counted_before_numbers_are_unpacked(tmp_path):
    np.savez_compressed(tmp_path / "bomb.npz", np.zeros((2000, 4000), np.uint8))
    with pytest.raises(cnnfilter.CnnFilterError, match=r"4000 x 2000 = 8000000 pixels are over the limit of 1000 "):
        open_picture(tmp_path / "bomb.npz", max_pixels=1000)
