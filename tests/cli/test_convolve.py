"""The main job as a user runs it."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import cnnfilter

SCENE = np.add.outer(np.arange(24) * 5, np.arange(30) * 4).astype(np.uint8)


@pytest.fixture
def scene(tmp_path):
    path = tmp_path / "scene.png"
    Image.fromarray(SCENE).save(path)
    return path


@pytest.fixture
def photo(tmp_path):
    rng = np.random.default_rng(3)
    path = tmp_path / "photo.png"
    Image.fromarray(rng.integers(0, 256, (20, 26, 4), np.uint8)).save(path)
    return path


def grid(tmp_path, text, name="grid.csv"):
    path = tmp_path / name
    path.write_text(text)
    return path


def test_the_main_job(cnnfilter_run, scene, tmp_path):
    done = cnnfilter_run("convolve", "scene.png", "--kernel", "sobel-x")
    assert (done.code, done.err) == (0, "")
    assert "sobel-x" in done.out
    assert "abs 0..255" in done.out
    with Image.open(tmp_path / "scene.sobel-x.png") as image:
        assert image.size == (28, 22)
        assert image.text["Display"] == "abs 0..255"
        assert image.text["Kernel"] == "sobel-x"
        expected = np.clip(np.abs(cnnfilter.conv2d(SCENE, "sobel-x")), 0, 255)
        assert np.array_equal(np.asarray(image), expected)


def test_dumps_hold_the_raw_floats(cnnfilter_run, scene, tmp_path):
    done = cnnfilter_run("convolve", "scene.png", "-k", "sobel-x", "-f", "npy", "-f", "csv", "-f", "json", "-f", "npz")
    assert done.code == 0
    expected = cnnfilter.conv2d(SCENE, "sobel-x")
    assert np.array_equal(np.load(tmp_path / "scene.sobel-x.npy"), expected)
    assert np.array_equal(np.loadtxt(tmp_path / "scene.sobel-x.csv", delimiter=",", dtype=np.float32), expected)
    assert np.array_equal(np.load(tmp_path / "scene.sobel-x.npz")["sobel-x"], expected)
    document = json.loads((tmp_path / "scene.sobel-x.json").read_text())
    assert document["shape"] == [22, 28]
    assert document["dtype"] == "float32"
    assert document["kernel"] == "sobel-x"
    assert document["version"] == cnnfilter.__version__
    assert np.array_equal(document["data"], expected)


def test_axes_of_dumps(cnnfilter_run, scene, photo, tmp_path):
    two = ("-k", "sobel-x", "-k", "sobel-y")
    shapes = {}
    for name in ("scene", "photo"):
        assert cnnfilter_run("convolve", f"{name}.png", *two, "-f", "npy").code == 0
        assert cnnfilter_run("convolve", f"{name}.png", *two, "--stack", "-f", "npy", "-f", "npz").code == 0
        assert (
            cnnfilter_run("convolve", f"{name}.png", *two, "--stack", "--flatten", "-o", f"{name}.flat.npy").code == 0
        )
        shapes[name] = [np.load(tmp_path / f"{name}.{part}.npy").shape for part in ("sobel-x", "stack", "flat")]
        with np.load(tmp_path / f"{name}.stack.npz") as archive:
            assert list(archive) == ["sobel-x", "sobel-y"]
    assert shapes == {
        "scene": [(22, 28), (2, 22, 28), (2 * 22 * 28,)],
        "photo": [(3, 18, 24), (2, 3, 18, 24), (2 * 3 * 18 * 24,)],
    }


def test_channels(cnnfilter_run, photo, tmp_path):
    pixels = np.asarray(Image.open(photo)).transpose(2, 0, 1)[:3].astype(np.float32)
    expected = {
        "each": cnnfilter.conv2d(pixels, "sobel-y"),
        "gray": cnnfilter.conv2d(np.tensordot(np.float32([0.299, 0.587, 0.114]), pixels, 1), "sobel-y"),
        "sum": cnnfilter.conv2d(pixels, "sobel-y").sum(axis=0),
    }
    for mode, values in expected.items():
        assert (
            cnnfilter_run("convolve", "photo.png", "-k", "sobel-y", "--channels", mode, "-o", f"{mode}.npy").code == 0
        )
        np.testing.assert_allclose(np.load(tmp_path / f"{mode}.npy"), values, rtol=1e-5, atol=1e-2)


def test_alpha_is_carried_over(cnnfilter_run, photo, tmp_path):
    assert cnnfilter_run("convolve", "photo.png", "-k", "box", "-o", "out.png").code == 0
    with Image.open(tmp_path / "out.png") as image:
        assert image.mode == "RGBA"
        assert np.array_equal(np.asarray(image)[..., 3], np.asarray(Image.open(photo))[1:-1, 1:-1, 3])


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["-k", "0 0 1; 0 1 0; 1 0 0"], [[3.0, 1.0], [0.0, 0.0]]),
        (["-k", "0 0 1; 0 1 0; 1 0 0", "--bias", "-2"], [[1.0, -1.0], [-2.0, -2.0]]),
        (["-k", "0 0 1; 0 1 0; 1 0 0", "--bias", "-2", "-a", "relu"], [[1.0, 0.0], [0.0, 0.0]]),
        (["-k", "0 0 1; 0 1 0; 1 0 0", "--bias", "-2", "--pool", "max:2"], [[1.0]]),
        (["-k", "1 2", "--stride", "2,1"], [[0.0, 2.0, 3.0], [1.0, 0.0, 0.0]]),
        (["-k", "1 2", "--flip", "--stride", "2,1"], [[0.0, 1.0, 3.0], [2.0, 0.0, 0.0]]),
    ],
)
def test_steps_after_the_convolution(cnnfilter_run, tmp_path, words, expected):
    grid(tmp_path, "0,0,1,1\n0,1,0,0\n1,0,0,0\n0,0,0,0\n")
    assert cnnfilter_run("convolve", "grid.csv", *words, "-o", "out.json").code == 0
    data = json.loads((tmp_path / "out.json").read_text())["data"]
    assert np.array_equal(data, expected)


def test_the_table_shows_the_numbers(cnnfilter_run, tmp_path):
    grid(tmp_path, "1 2\n3 -4\n")
    done = cnnfilter_run("convolve", "grid.csv", "-k", "identity", "-p", "same", "--table", "-f", "csv")
    assert done.code == 0
    lines = [line.split() for line in done.out.splitlines()]
    assert ["0", "│", "1", "2"] in lines
    assert ["1", "│", "3", "-4"] in lines


def test_at_moves_the_table(cnnfilter_run, scene):
    done = cnnfilter_run("convolve", "scene.png", "-k", "identity", "--table", "--at", "20,20", "-f", "csv")
    assert "rows " in done.out
    assert cnnfilter_run("convolve", "scene.png", "-k", "identity", "--table", "--at", "99,0").code == 2


def test_standard_streams(cnnfilter_run, scene):
    done = cnnfilter_run("convolve", "-", "-k", "sobel-x", "-o", "-", stdin=scene.read_bytes())
    assert done.code == 0
    assert done.raw.startswith(b"\x89PNG")
    assert "sobel-x" in done.err
    text = cnnfilter_run("convolve", "-", "-k", "1 1", "-o", "-", "-f", "csv", "-q", stdin=b"1,2\n3,4\n")
    assert (text.out, text.err) == ("3\n7\n", "")


def test_json_summary(cnnfilter_run, scene):
    done = cnnfilter_run("convolve", "scene.png", "missing.png", "-k", "sobel-x", "--json")
    document = json.loads(done.out)
    assert done.code == 3
    assert document["results"][0]["shape"] == [22, 28]
    assert document["results"][0]["outputs"] == ["scene.sobel-x.png"]
    assert document["failures"][0]["source"] == "missing.png"


def test_quiet_says_nothing(cnnfilter_run, scene):
    done = cnnfilter_run("convolve", "scene.png", "-k", "sobel-x", "-q")
    assert (done.code, done.out, done.err) == (0, "", "")


def test_one_bad_image_does_not_stop_the_others(cnnfilter_run, scene, tmp_path):
    (tmp_path / "broken.png").write_bytes(scene.read_bytes()[:60])
    done = cnnfilter_run("convolve", "broken.png", "scene.png", "-k", "sobel-x")
    assert done.code == 3
    assert done.err.count("\n") == 1
    assert done.err.startswith("cnnfilter: error: 'broken.png': ")
    assert (tmp_path / "scene.sobel-x.png").exists()
    assert not (tmp_path / "broken.sobel-x.png").exists()


def test_equal_names_are_made_distinct(cnnfilter_run, scene, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "scene.png").write_bytes(scene.read_bytes())
    assert cnnfilter_run("convolve", "a/scene.png", "b/scene.png", "-k", "box", "-o", "out/").code == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["scene-2.box.png", "scene.box.png"]


@pytest.mark.parametrize("link", [os.link, os.symlink])
def test_an_input_is_never_overwritten(cnnfilter_run, scene, tmp_path, link):
    link(scene, tmp_path / "other.png")
    before = scene.read_bytes()
    done = cnnfilter_run("convolve", "scene.png", "-k", "box", "-o", "other.png")
    assert done.code == 2
    assert "is an input" in done.err
    assert scene.read_bytes() == before


@pytest.mark.parametrize(
    "more", [[], ["-t"], ["-f", "npy"], ["--pool", "max:1"], ["--stride", "2"], ["--padding", "same"]]
)
def test_alpha_stays_in_its_place(cnnfilter_run, tmp_path, more):
    pixels = np.full((40, 60, 2), 200, np.uint8)
    pixels[:, :30, 1] = 0
    Image.merge("LA", [Image.fromarray(plane) for plane in pixels.transpose(2, 0, 1)]).save(tmp_path / "half.png")
    assert cnnfilter_run("convolve", "half.png", "-k", "box:size=9", "-f", "png", *more).code == 0
    with Image.open(tmp_path / "half.box-size9.png") as image:
        opaque = np.asarray(image)[0, :, 1] > 0
    first = {"--stride": 13, "--padding": 30}.get(more[0] if more else "", 26)
    assert opaque.argmax() == first
    assert opaque[first:].all()


def test_a_kernel_file_is_never_overwritten(cnnfilter_run, scene, tmp_path):
    np.save(tmp_path / "k.npy", np.ones((3, 3)))
    before = (tmp_path / "k.npy").read_bytes()
    assert cnnfilter_run("convolve", "scene.png", "-k", "k.npy", "-o", "k.npy").code == 2
    assert (tmp_path / "k.npy").read_bytes() == before


def test_redirected_input_is_never_overwritten(scene, tmp_path):
    before = scene.read_bytes()
    with scene.open("rb") as file:
        words = [sys.executable, "-m", "cnnfilter", "convolve", "-", "-k", "box", "-o", "scene.png"]
        assert subprocess.run(words, cwd=tmp_path, stdin=file, capture_output=True, check=False).returncode == 2
    assert scene.read_bytes() == before


def test_softmax_along_a_named_axis(cnnfilter_run, tmp_path):
    grid(tmp_path, "1 2\n3 4\n")
    assert cnnfilter_run("convolve", "grid.csv", "-k", "1", "-a", "softmax:axis=1", "-o", "s.npy").code == 0
    np.testing.assert_allclose(np.load(tmp_path / "s.npy").sum(axis=0), 1, rtol=1e-6)


def test_formats_of_pictures(cnnfilter_run, photo, tmp_path):
    words = [word for form in ("png", "jpg", "webp", "tiff") for word in ("-f", form)]
    done = cnnfilter_run("convolve", "photo.png", "-k", "sharpen", *words)
    assert (done.code, done.err) == (0, "")
    for form in ("png", "jpg", "webp", "tiff"):
        with Image.open(tmp_path / f"photo.sharpen.{form}") as image:
            assert image.size == (24, 18)


def test_sixteen_bits_stay_sixteen(cnnfilter_run, tmp_path):
    deep = np.arange(20 * 30, dtype=np.uint16).reshape(20, 30) * 100
    Image.fromarray(deep).save(tmp_path / "deep.png")
    assert cnnfilter_run("convolve", "deep.png", "-k", "identity", "-f", "png", "-f", "tiff").code == 0
    for form in ("png", "tiff"):
        with Image.open(tmp_path / f"deep.identity.{form}") as image:
            assert np.array_equal(np.asarray(image), deep[1:-1, 1:-1])


def test_a_sheet_of_a_bank(cnnfilter_run, scene, tmp_path):
    assert (
        cnnfilter_run("convolve", "scene.png", "-k", "gabor:theta=0..135/45,size=9", "--stack", "-o", "sheet.png").code
        == 0
    )
    with Image.open(tmp_path / "sheet.png") as image:
        assert image.size[0] > 30
        assert image.size[1] > 24


def test_displays(cnnfilter_run, scene, tmp_path):
    for display in ("clip", "abs", "minmax", "symmetric", "percentile:5"):
        done = cnnfilter_run("convolve", "scene.png", "-k", "sobel-x:scale=-1", "--display", display, "-o", "d.png")
        assert done.code == 0
        with Image.open(tmp_path / "d.png") as image:
            assert image.text["Display"].startswith(display)


def test_a_colour_map(cnnfilter_run, scene, tmp_path):
    assert cnnfilter_run("convolve", "scene.png", "-k", "identity", "--colormap", "viridis", "-o", "c.png").code == 0
    with Image.open(tmp_path / "c.png") as image:
        assert len(np.unique(np.asarray(image.convert("RGB")).reshape(-1, 3), axis=0)) > 1


def test_nan_is_counted_and_reported(cnnfilter_run, tmp_path):
    np.save(tmp_path / "n.npy", np.array([[1, 2, 3], [4, np.nan, 6], [7, 8, np.inf]], np.float32))
    done = cnnfilter_run("convolve", "n.npy", "-k", "1", "-f", "json", "-f", "png")
    assert done.code == 0
    assert "1 NaN and 1 infinite" in done.err
    assert json.loads((tmp_path / "n.matrix-1x1.json").read_text())["data"][1] == [4.0, None, 6.0]


BAD = [
    (["convolve", "scene.png", "-k", "sobell-x"], 2, "unknown kernel 'sobell-x' (did you mean sobel-x"),
    (["convolve", "scene.png", "-k", "1 2; 3"], 2, "row 2 has 1 value"),
    (["convolve", "scene.png", "-k", "1 a; 3 4"], 2, "'a'"),
    (["convolve", "scene.png"], 2, "Missing option '--kernel' / '-k' (cnnfilter convolve scene.png -k sobel-x)"),
    (["convolve", "-k", "box"], 2, "Missing argument 'IMAGE...'"),
    (["convolve", "nothing.png", "-k", "box"], 3, "'nothing.png': No such file"),
    (["convolve", "text.xyz", "-k", "box"], 3, "'text.xyz': "),
    (["convolve", "scene.png", "-k", "box:size=51"], 3, "(24 + 0 - 1*(51-1) - 1) // 1 + 1 = -26"),
    (["convolve", "scene.png", "-k", "box", "-o", "scene.png"], 2, "is an input"),
    (["convolve", "scene.png", "-k", "box", "-o", "no/where.png"], 2, "'no' does not exist"),
    (["convolve", "scene.png", "-k", "box", "-o", "a.png", "-f", "npy"], 2, "ends in png, but -f says npy"),
    (["convolve", "scene.png", "-k", "box", "-f", "bmp"], 2, "unknown format 'bmp'"),
    (["convolve", "scene.png", "-k", "box", "-k", "log", "-o", "a.png"], 2, "2 results cannot all go to 'a.png'"),
    (["convolve", "scene.png", "-k", "box", "--padding-mode", "mirorr"], 2, "did you mean mirror"),
    (["convolve", "scene.png", "-k", "box", "--channels", "all"], 2, "unknown channels mode 'all'"),
    (["convolve", "scene.png", "-k", "box", "--engine", "gpu"], 2, "unknown engine 'gpu'"),
    (["convolve", "scene.png", "-k", "box", "--engine", "fft", "--stride", "2"], 2, "engine fft cannot do this"),
    (["convolve", "scene.png", "-k", "box", "--threads", "0"], 2, "threads must be"),
    (["convolve", "scene.png", "-k", "box", "--threads", "many"], 2, "'many'"),
    (["convolve", "scene.png", "-k", "box", "--display", "bright"], 2, "unknown display 'bright'"),
    (["convolve", "scene.png", "-k", "box", "--colormap", "viridiss"], 2, "did you mean"),
    (["convolve", "scene.png", "-k", "box", "--activation", "rellu"], 2, "did you mean relu"),
    (["convolve", "scene.png", "-k", "box", "--pool", "max"], 2, "max"),
    (["convolve", "scene.png", "-k", "box", "--flatten", "-f", "png"], 2, "--flatten makes a vector"),
    (["convolve", "scene.png", "-k", "box", "--max-pixels", "100"], 3, "--max-pixels"),
    (["convolve", "scene.png", "-k", "box", "--max-memory", "lots"], 2, "'lots' is not a size in bytes"),
    (["convolve", "scene.png", "-k", "box", "-f", "npy", "--max-memory", "1KB"], 4, "--max-memory"),
    (["convolv", "scene.png"], 2, "unknown command 'convolv' (did you mean cnnfilter convolve?)"),
    (["convolve", "scene.png", "-k", "box", "--colour"], 2, "No such option: --colour"),
]


@pytest.mark.parametrize(
    ("words", "code", "message"), BAD, ids=lambda value: " ".join(value[1:]) if isinstance(value, list) else ""
)
def test_mistakes_get_one_clear_line(cnnfilter_run, scene, tmp_path, words, code, message):
    (tmp_path / "text.xyz").write_text("what is this\n")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    done = cnnfilter_run(*words)
    assert done.err.startswith("cnnfilter: error: ")
    assert done.err.count("\n") == 1
    assert message in done.err
    assert done.out == ""
    assert done.code == code
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_debug_shows_the_traceback(cnnfilter_run, scene):
    assert "Traceback" in cnnfilter_run("convolve", "scene.png", "-k", "sobell", "--debug").err


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions do not bind root")
def test_no_permission(cnnfilter_run, scene, tmp_path):
    folder = tmp_path / "closed"
    folder.mkdir(mode=stat.S_IRUSR | stat.S_IXUSR)
    done = cnnfilter_run("convolve", "scene.png", "-k", "box", "-o", "closed/")
    assert done.code == 4
    assert "Permission denied" in done.err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_code_4(cnnfilter_run, scene):
    done = cnnfilter_run("convolve", "scene.png", "-k", "box", "-o", "/dev/full", "-f", "png")
    assert done.code == 4
    assert "No space left" in done.err


def test_unit_range_says_which_white_it_took(cnnfilter_run, samples, tmp_path):
    (tmp_path / "digits.csv").write_text("0,1,2\n3,4,9\n")
    done = cnnfilter_run("convolve", "digits.csv", "-k", "1", "--range", "unit")
    assert "'digits.csv': --range unit divided by 255: " in done.err
    assert cnnfilter_run("convolve", samples / "scene.png", "-k", "1", "--range", "unit").err == ""


def test_what_is_strange_is_said_once(cnnfilter_run, tmp_path):
    (tmp_path / "holes.csv").write_text("1,nan,2\n3,4,inf\n5,6,7\n")
    assert cnnfilter_run("show", "holes.csv").err.count("1 NaN and 1 infinite values") == 1
    notes = cnnfilter_run("convolve", "holes.csv", "-k", "1 1", "-f", "npy").err.splitlines()
    assert notes == [
        "cnnfilter: note: 'holes.csv': holds 1 NaN and 1 infinite values",
        "cnnfilter: note: 'holes.csv': its map matrix-1x2 holds 2 NaN and 1 infinite values",
    ]


def test_show_takes_dumps_of_many_axes(cnnfilter_run, tmp_path):
    np.save(tmp_path / "stack.npy", np.arange(2 * 3 * 4 * 5.0).reshape(2, 3, 4, 5))  # (K, C, H, W)
    done = cnnfilter_run("show", "stack.npy")
    assert done.code == 0
    assert "'stack.npy': 2 x 3 x 4 x 5: its maps are shown one after another" in done.err
    assert "stack, channel 5" in done.out
    assert "119" in done.out
    assert cnnfilter_run("convolve", "stack.npy", "-k", "1").code == 3


def test_show_at_a_place_prints_numbers(cnnfilter_run, samples):
    done = cnnfilter_run("show", samples / "scene.png", "--at", "100,200")
    assert "of 512, columns " in done.out
    both = cnnfilter_run("show", samples / "grid-5x5.csv", "--table", "--preview").out
    assert "@@" in both
    assert "0 │ 1 1 1 0 0" in both


def test_small_maps_are_better_read_as_numbers(cnnfilter_run, samples):
    hint = "cnnfilter: note: maps this small are easier read as numbers (--table, or -f csv; --zoom 20 enlarges)\n"
    assert cnnfilter_run("convolve", samples / "grid-5x5.csv", "-k", "1").err == hint
    assert cnnfilter_run("convolve", samples / "grid-5x5.csv", "-k", "1", "--padding", "14").err == ""
    for words in (["--table"], ["-f", "csv"], ["-o", "a.png"], ["-q"], ["--json"]):
        assert cnnfilter_run("convolve", samples / "grid-5x5.csv", "-k", "1", *words).err == ""


def test_missing_cells_propagate_or_are_left_out(cnnfilter_run, tmp_path):
    grid(tmp_path, "1,2,3\n4,nan,6\n7,8,9\n")
    done = cnnfilter_run("convolve", "grid.csv", "-k", "box", "-f", "npy")
    assert done.code == 0
    assert np.isnan(np.load(tmp_path / "grid.box.npy")).all()
    done = cnnfilter_run("convolve", "grid.csv", "-k", "box", "--missing", "ignore", "-f", "npy")
    assert done.code == 0
    assert "1 cell of the input is missing; weights renormalised over what is there" in done.err
    np.testing.assert_allclose(np.load(tmp_path / "grid.box.npy"), [[5]])
    for command in (("pool", "--pool", "avg:3"), ("convolve", "-k", "1", "--pool", "avg:3")):
        done = cnnfilter_run(command[0], "grid.csv", *command[1:], "--missing", "ignore", "-o", "mean.csv")
        assert done.code == 0
        assert (tmp_path / "mean.csv").read_text().strip() == "5"
    done = cnnfilter_run("activate", "grid.csv", "-a", "softmax:axis=1", "--missing", "ignore", "-o", "shares.npy")
    assert done.code == 0
    assert np.nansum(np.load(tmp_path / "shares.npy")) == pytest.approx(3)


@pytest.mark.parametrize("command", ["convolve", "batch", "plan"])
@pytest.mark.parametrize(
    ("kernel", "word", "says"), [("sobel-x", "ignore", "sobel-x sums to 0"), ("box", "x", "missing")]
)
def test_what_cannot_be_renormalised_is_refused_before_anything(cnnfilter_run, tmp_path, command, kernel, word, says):
    grid(tmp_path, "1,2,3\n4,nan,6\n7,8,9\n")
    outputs = ["-o", "out"] if command == "batch" else []
    done = cnnfilter_run(command, "grid.csv", "-k", kernel, "--missing", word, *outputs)
    assert done.code == 2
    assert says in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["grid.csv"]
