"""What pictures show, as a user sees it: mappings, floats, colour profiles, sizes, and the words about them."""

import json
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from cnnfilter.images.colour import colour_table
from cnnfilter.run.memory import STRIP_COPIES

RNG = np.random.default_rng(11)
PHOTO = RNG.integers(20, 236, (18, 23, 3), np.uint8)
HEIGHTS = np.linspace(-5.6, 13.6, 20 * 24).reshape(20, 24).astype(np.float32)
BOX = "0.1111 0.1111 0.1111; 0.1111 0.1111 0.1111; 0.1111 0.1111 0.1111"


def profile(space):
    """A profile that says which colour space it describes; what else it holds matters to nobody here."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    data[16:20] = space
    return bytes(data)


ADOBE, GRAY, CMYK = profile(b"RGB "), profile(b"GRAY"), profile(b"CMYK")


@pytest.fixture
def run(cnnfilter_run, tmp_path):
    """Run a job on files of this folder; give back its row for machines, and the notes that people read."""
    Image.fromarray(PHOTO).save(tmp_path / "photo.png", icc_profile=ADOBE)
    Image.fromarray(PHOTO // 4).save(tmp_path / "dark.png")
    tifffile.imwrite(tmp_path / "heights.tif", HEIGHTS)

    def once(*words, command="convolve"):
        done = cnnfilter_run(command, *words, "--json")
        assert done.code == 0, done.err
        rows = json.loads(done.out)["results"]
        return rows[0] if len(rows) == 1 else rows

    return once


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image)


def displayed(path):
    with Image.open(path) as image:
        return image.text["Display"]


@pytest.mark.parametrize(
    ("words", "display"),
    [
        (["-k", BOX], "clip 0..255"),
        (["-k", "0.33 0.33 0.33"], "clip 0..255"),
        (["-k", "0.3333 0.3333 -0.6667"], "abs 0..255"),
        (["-k", BOX, "--channels", "gray"], "clip 0..255"),
        (["-k", BOX, "--range", "unit"], "clip 0..1"),
        (["-k", BOX, "--bias", "3"], "clip 0..255"),
        (["-k", BOX, "--as", "opencv"], "clip 0..255"),
        (["-k", "sobel-x", "--as", "opencv"], "clip 0..255"),
        (["-k", BOX, "-k", "identity", "--combine", "mean", "-p", "same"], "clip 0..255"),
        (["-k", "sobel-x", "-k", "sobel-y", "--combine", "magnitude"], "abs 0..255"),
        (["-k", "red-green"], "abs 0..255"),
    ],
)
def test_every_photo_of_a_folder_gets_one_mapping(run, tmp_path, words, display):
    for name in ("photo.png", "dark.png"):
        assert run(name, *words, "-o", "out.png")["display"] == display
        assert displayed(tmp_path / "out.png") == display


@pytest.mark.parametrize(
    "words",
    [
        ["-k", BOX, "--channels", "sum"],  # three channels: a sum of 3
        ["-k", "1 1 1"],
        ["-k", BOX, "-a", "relu"],
        ["-k", "sobel-x", "--pool", "max:2"],
        ["-k", BOX, "-k", "identity", "--combine", "magnitude", "-p", "same"],
    ],
)
def test_everything_else_is_stretched(run, words):
    row = run("photo.png", *words, "-o", "out.png")
    assert row["display"] == f"minmax {row['min']:.6g}..{row['max']:.6g}"


def test_small_signed_grids_have_a_neutral_zero(run, samples, tmp_path):
    row = run(samples / "smiley-7x7.csv", "-k", "sobel-x", "-o", "s.png", "-f", "png", "--zoom", "20")
    assert row["display"] == "symmetric -2..2"
    values = pixels(tmp_path / "s.png")
    assert values.shape == (100, 100)
    run(samples / "smiley-7x7.csv", "-k", "sobel-x", "-o", "s.npy")
    numbers = np.load(tmp_path / "s.npy")
    assert np.array_equal(values[10::20, 10::20], np.rint((numbers + 2) * 255 / 4))
    assert values[np.kron(numbers, np.ones((20, 20))) == 0].tolist()[0] == 128


@pytest.mark.parametrize(
    ("values", "display"),
    [
        (np.arange(30.0).reshape(5, 6) - 10, "symmetric -19..19"),
        (np.arange(30.0).reshape(5, 6), "minmax 0..29"),
        (np.arange(30, dtype=np.int64).reshape(5, 6) - 29, "minmax -29..0"),
        (np.arange(30, dtype=np.uint8).reshape(5, 6), "clip 0..255"),
    ],
)
def test_stored_numbers_by_their_signs(run, tmp_path, values, display):
    np.save(tmp_path / "n.npy", values)
    assert run("n.npy", "-k", "1", "-o", "n.png")["display"] == display


def test_a_constant_map_says_so_and_why(run, cnnfilter_run, tmp_path):
    done = cnnfilter_run("convolve", "photo.png", "-k", BOX, "-a", "sigmoid", "-o", "s.png")
    assert "minmax: constant 1 as clip 0..255" in done.out
    assert "its map matrix-3x3 is constant: 1 everywhere" in done.err
    assert "sigmoid saturates: the values go up to 255 (--range unit makes them 0 to 1)" in done.err
    assert np.unique(pixels(tmp_path / "s.png")).tolist() == [1]
    row = run("photo.png", "-k", BOX, "-a", "sigmoid", "--range", "unit", "-o", "s.png")
    assert row["display"].startswith("minmax 0.5")
    assert row["notes"] == ["its colour profile is left out: " + row["display"] + " changes the colours"]
    row = run("photo.png", "--activation", "tanh", "-f", "npy", command="activate")
    assert any(note.startswith("tanh saturates") for note in row["notes"])


def test_a_map_that_hardly_varies_is_told(run):
    row = run("heights.tif", "-k", "sobel-x", "-o", "ramp.png")  # a slope is the same everywhere, but for rounding
    assert row["notes"] == [
        f"its map sobel-x hardly varies: {row['min']:.6g} to {row['max']:.6g} is stretched from black to white"
    ]


@pytest.mark.parametrize("kernel", ["box", "sobel-x", "gaussian:sigma=1"])
@pytest.mark.parametrize("dtype", ["f4", "i2", "i4", "u4"])
def test_pictures_of_measurements_come_back_as_floats(run, tmp_path, kernel, dtype):
    values = (HEIGHTS - HEIGHTS.min()) * 50 if dtype == "u4" else HEIGHTS * (1 if dtype == "f4" else 50)
    tifffile.imwrite(tmp_path / "m.tif", values.astype(dtype))
    row = run("m.tif", "-k", kernel, "-f", "tiff", "-f", "npy", "-o", "out/")
    assert row["display"] == "float32, as they are"
    paths = {Path(path).suffix: tmp_path / path for path in row["outputs"]}
    back = tifffile.imread(paths[".tiff"])
    assert back.dtype == np.float32
    assert np.array_equal(back, np.load(paths[".npy"]))


def test_float_colours_come_back(run, tmp_path):
    colours = RNG.random((18, 23, 3)).astype("<f4")
    (tmp_path / "c.pfm").write_bytes(b"PF\n23 18\n-1.0\n" + colours[::-1].tobytes())
    row = run("c.pfm", "-k", "sharpen", "-f", "tiff", "-f", "npy", "-o", "out/")
    assert row["display"] == "float32, as they are"
    back = tifffile.imread(tmp_path / "out" / "c.sharpen.tiff")
    assert np.array_equal(back.transpose(2, 0, 1), np.load(tmp_path / "out" / "c.sharpen.npy"))
    assert run("c.pfm", "-k", BOX, "-o", "c.png")["display"] == "clip 0..1"


def test_floats_keep_nan_and_sixteen_bits_stay_sixteen(run, tmp_path):
    holes = HEIGHTS.copy()
    holes[3, 4] = np.nan
    tifffile.imwrite(tmp_path / "h.tif", holes)
    run("h.tif", "-k", "1", "-o", "o.tif")
    assert np.array_equal(tifffile.imread(tmp_path / "o.tif"), holes, equal_nan=True)
    run("h.tif", "-k", "1", "-o", "o.tif", "--zoom", "3")
    assert np.array_equal(tifffile.imread(tmp_path / "o.tif"), holes.repeat(3, 0).repeat(3, 1), equal_nan=True)
    run("h.tif", "-k", "1", "-o", "o.tif", "--dtype", "float64")
    assert tifffile.imread(tmp_path / "o.tif").dtype == np.float64
    tifffile.imwrite(tmp_path / "u.tif", PHOTO[..., 0] * np.uint16(257))
    assert run("u.tif", "-k", BOX, "-o", "o.tif")["display"] == "clip 0..65535"
    assert tifffile.imread(tmp_path / "o.tif").dtype == np.uint16


@pytest.mark.parametrize("words", [["--display", "minmax"], ["--colormap", "viridis"], ["--stack"]])
def test_floats_become_pixels_where_that_is_asked_for(run, tmp_path, words):
    run("heights.tif", "-k", "box", "-o", "o.tif", *words)
    assert tifffile.imread(tmp_path / "o.tif").dtype == np.uint8


def test_both_mappings_are_told_where_files_differ(run):
    row = run("heights.tif", "-k", "box", "-f", "tiff", "-f", "png", "-o", "out/")
    most = max(abs(row["min"]), abs(row["max"]))
    assert row["display"] == f"float32, as they are; symmetric {-most:.6g}..{most:.6g}"


@pytest.mark.parametrize("width", [70, 80, 120])
def test_summaries_fit_the_terminal(cnnfilter_run, run, width):
    words = ["convolve", "heights.tif", "-k", "box", "-k", "identity", "-f", "tiff", "-f", "png", "-o", "o/"]
    done = cnnfilter_run(*words, env={"COLUMNS": str(width)})
    assert max(map(len, done.out.splitlines())) <= width
    assert done.out.count("float32, as they are; symmetric -") == 2


def test_a_guessed_white_that_makes_a_picture_dark(run, tmp_path):
    tifffile.imwrite(tmp_path / "low.tif", HEIGHTS + 6)
    row = run("low.tif", "-k", "box", "-o", "o.png")
    assert row["display"] == "clip 0..255"
    assert row["notes"][0].endswith("and white was taken for 255 (--display minmax)")


FORMATS = ["png", "jpg", "webp", "tiff"]


def icc(path):
    with Image.open(path) as image:
        return image.info.get("icc_profile")


@pytest.mark.parametrize("source", FORMATS)
@pytest.mark.parametrize("form", FORMATS)
def test_a_blur_keeps_the_colour_profile(run, tmp_path, source, form):
    Image.fromarray(PHOTO).save(tmp_path / f"in.{source}", icc_profile=ADOBE)
    row = run(f"in.{source}", "-k", BOX, "-o", f"out.{form}")
    assert icc(tmp_path / f"out.{form}") == ADOBE
    assert row["notes"] == []


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["-k", "sobel-x"], "abs 0..255 changes the colours"),
        (["-k", BOX, "--channels", "gray"], "it describes 3 channels, the map has 1"),
        (["-k", BOX, "--channels", "sum"], "it describes 3 channels, the map has 1"),
        (["-k", BOX, "--channels", "gray", "--colormap", "viridis"], "the colours are those of viridis"),
        (["-k", BOX, "-a", "relu"], "changes the colours"),
        (["-k", BOX, "--stack"], "a contact sheet holds more than its colours"),
    ],
)
def test_a_profile_goes_where_the_colours_go(run, tmp_path, words, why):
    row = run("photo.png", *words, "-o", "out.png")
    assert icc(tmp_path / "out.png") is None
    assert row["notes"][-1].startswith("its colour profile is left out: ")
    assert why in row["notes"][-1]


def test_profiles_of_gray_and_of_cmyk(run, tmp_path):
    gray = Image.fromarray(PHOTO[..., 0])
    gray.save(tmp_path / "gray.png", icc_profile=GRAY)
    Image.fromarray(PHOTO).convert("CMYK").save(tmp_path / "cmyk.jpg", icc_profile=CMYK)
    gray.save(tmp_path / "wrong.png", icc_profile=ADOBE)
    for form, kept in (("png", GRAY), ("jpg", GRAY), ("tiff", GRAY), ("webp", None)):
        row = run("gray.png", "-k", BOX, "-o", f"out.{form}")
        assert icc(tmp_path / f"out.{form}") == kept
        assert len(row["notes"]) == (kept is None)
    for name, note in (("cmyk.jpg", "its CMYK colour profile"), ("wrong.png", "its RGB colour profile")):
        row = run(name, "-k", BOX, "-o", "out.png")
        assert icc(tmp_path / "out.png") is None
        assert row["notes"][0].startswith(f"{note} is left out")


def test_a_huge_or_broken_profile_is_left_out_with_a_note(run, tmp_path):
    for data, note in ((ADOBE + bytes(4_000_000), "of 4000588 bytes"), (b"short", "its damaged colour profile")):
        Image.fromarray(PHOTO).save(tmp_path / "in.tif", icc_profile=data)
        row = run("in.tif", "-k", BOX, "-o", "out.png")
        assert note in row["notes"][0]
        assert icc(tmp_path / "out.png") is None


SRGB, WIDE = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06), (0.3127, 0.329, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)


@pytest.mark.parametrize(
    ("chunks", "note"),
    [
        ([(b"gAMA", (1.0,))], "its gamma of 1 is left out"),
        ([(b"gAMA", (0.45455,)), (b"cHRM", WIDE)], "its primaries are left out"),
        ([(b"gAMA", (0.45455,)), (b"cHRM", SRGB)], ""),
    ],
)
def test_what_a_png_says_of_its_colours_without_a_profile(run, tmp_path, chunks, note):
    data = (tmp_path / "dark.png").read_bytes()
    for name, values in chunks:
        body = name + struct.pack(f">{len(values)}I", *(round(value * 100_000) for value in values))
        data = data[:33] + struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body)) + data[33:]
    (tmp_path / "strange.png").write_bytes(data)
    notes = run("strange.png", "-k", BOX, "-o", "o.png")["notes"]
    assert notes[0].startswith(note) if note else notes == []


@pytest.mark.parametrize("form", FORMATS)
def test_zoom_makes_squares(run, tmp_path, form):
    run("photo.png", "-k", BOX, "-o", f"plain.{form}")
    run("photo.png", "-k", BOX, "-o", f"large.{form}", "--zoom", "5")
    plain, large = (pixels(tmp_path / f"{name}.{form}").astype(int) for name in ("plain", "large"))
    wanted = plain.repeat(5, axis=0).repeat(5, axis=1)
    assert large.shape == wanted.shape
    assert form == "jpg" or np.array_equal(large, wanted)


def test_zoom_with_a_colour_map_and_alpha(run, tmp_path):
    run("photo.png", "-k", BOX, "--channels", "gray", "--colormap", "viridis", "-o", "c.png", "--zoom", "3")
    assert pixels(tmp_path / "c.png").shape == (48, 63)
    Image.fromarray(PHOTO).convert("RGBA").save(tmp_path / "alpha.png")
    run("alpha.png", "-k", BOX, "-o", "a.png", "--zoom", "2")
    assert pixels(tmp_path / "a.png").shape == (32, 42, 4)


def test_zoom_is_bounded(cnnfilter_run, run):
    done = cnnfilter_run("convolve", "photo.png", "-k", BOX, "--zoom", "9", "--max-pixels", "10000", "-o", "o.png")
    assert done.code == 3
    assert "--zoom 9 makes 189 x 144 = 27216 pixels, over the limit of 10000 (--max-pixels 27216 raises it)" in done.err


def test_zoom_counts_as_memory(cnnfilter_run, run):
    words = ["photo.png", "-k", BOX, "--channels", "gray", "-o", "o.png", "--threads", "1"]
    peaks = [json.loads(cnnfilter_run("plan", *words, "--zoom", n, "--json").out)["peak_bytes"] for n in (2, 4)]
    assert peaks[1] - peaks[0] == STRIP_COPIES * 16 * 21 * (4**2 - 2**2)
    limit = ["--max-memory", peaks[1] - 1]
    assert cnnfilter_run("convolve", *words, "--zoom", "2", *limit).code == 0
    done = cnnfilter_run("convolve", *words, "--zoom", "4", *limit)
    assert done.code == 4
    assert f"--max-memory {peaks[1]} raises it" in done.err


def test_floats_count_as_memory_of_a_tiff(cnnfilter_run, run):
    words = ["heights.tif", "-k", BOX, "-o", "o.tif", "--threads", "1"]
    sizes = [
        json.loads(cnnfilter_run("plan", *words, *more, "--json").out)["images"][0]["bytes"]["output"]
        for more in ([], ["--dtype", "float64"], ["--display", "minmax"])
    ]
    values = 18 * 22 * 4  # all of them, their strips, and the file
    assert sizes[:2] == [values + int(1.8 * values), 2 * values + int(1.8 * 2 * values)]
    assert sizes[2] < sizes[0] / 2


def test_many_channels_are_tiles(run, tmp_path):
    values = RNG.normal(0, 1, (16, 12, 14)) * np.r_[np.ones(15), 200][:, None, None]
    np.save(tmp_path / "many.npy", values)
    row = run("many.npy", "-k", "1", "-o", "a.png")
    most = np.abs(values).max()
    assert row["display"] == f"symmetric {-most:.6g}..{most:.6g}"
    assert row["notes"][0].startswith("15 of 16 maps take less than a twentieth of symmetric")
    row = run("many.npy", "-k", "1", "-o", "b.png", "--scale", "each", "--colormap", "viridis")
    assert row["display"] == f"each channel by itself, symmetric, in {-most:.6g}..{most:.6g}, viridis"
    assert row["notes"] == []
    sheet = pixels(tmp_path / "b.png")
    assert sheet.shape[2] == 3
    ends = {tuple(colour) for colour in colour_table("viridis")[[0, 255]]}
    assert ends <= {tuple(colour) for colour in sheet.reshape(-1, 3)}


def test_shared_scale_for_kernels(run, tmp_path):
    words = ["dark.png", "-k", "1 1 1", "-k", "10 10 10", "--channels", "gray", "-f", "png", "-o", "out/"]
    each = run(*words)
    assert each[0]["display"] != each[1]["display"]
    shared = run(*words, "--scale", "shared")
    low, high = min(row["min"] for row in shared), max(row["max"] for row in shared)
    assert {row["display"] for row in shared} == {f"minmax {low:.6g}..{high:.6g}"}
    stacked = run(*words[:-4], "--stack", "-o", "s.png", "--scale", "shared")
    assert [row["display"] for row in stacked] == [row["display"] for row in shared]


def test_maps_that_look_flat_are_told(run):
    words = ["photo.png", "--channels", "gray", "--stack", "-o", "s.png"]
    kernels = ["-k", "1 1 1", "-k", "2 1 1", "-k", "500 500 500"]
    assert not any("look flat" in note for note in run(*words, *kernels, "--scale", "each")[0]["notes"])
    rows = run(*words, *kernels)  # of a sheet, maps that are stretched share their range unless they are asked not to
    assert {row["display"] for row in rows} == {row["display"] for row in run(*words, *kernels, "--scale", "shared")}
    assert any(note.startswith("2 of 3 maps take less than a twentieth of minmax") for note in rows[0]["notes"])


@pytest.mark.parametrize("single", [[], ["--maps"]])
def test_a_layer_with_one_strong_map(cnnfilter_run, run, tmp_path, single):
    weights = np.ones((8, 1, 1, 1), np.float32)
    weights[3] = 100
    np.save(tmp_path / "w.npy", weights)
    text = "name: one\ninput: {channels: 1, size: [18, 23]}\nlayers:\n  - {name: c, kind: conv, weights: w.npy}\n"
    (tmp_path / "net.yaml").write_text(text)
    words = ["run", "net.yaml", "photo.png", "--save", "c", "-o", "out/", *single]
    done = cnnfilter_run(*words)
    assert done.code == 0, done.err
    assert "layer c: 7 of 8 maps take less than a twentieth of minmax" in done.err
    assert "(blue below 0 and orange above, or black to white; each layer by itself" in done.out
    done = cnnfilter_run(*words, "--scale", "each", "--zoom", "2")
    assert "look flat" not in done.err
    assert displayed(tmp_path / "out" / "photo.c.png") == "each map by itself, minmax"
    if single:
        maps = [pixels(tmp_path / "out" / f"photo.c.{index}.png") for index in range(8)]
        assert maps[0].shape == (36, 46)
        assert all(np.array_equal(one, maps[0]) for one in maps)
        assert maps[0].max() == 255


WRONG = [
    (["--display", "nosuch"], "unknown display 'nosuch'"),
    (["--colormap", "nosuch"], "unknown colormap 'nosuch'"),
    (["--compress", "nosuch"], "unknown compression 'nosuch'"),
    (["--scale", "nosuch"], "unknown scale 'nosuch'"),
    (["--zoom", "0"], "--zoom must be at least 1, got 0"),
    (["--zoom", "2.5"], "--zoom takes a whole number"),
]


@pytest.mark.parametrize(("words", "said"), WRONG)
@pytest.mark.parametrize("command", ["convolve", "pool", "activate", "run", "batch"])
def test_a_wrong_word_writes_nothing(cnnfilter_run, run, samples, tmp_path, command, words, said):
    jobs = {
        "convolve": ["photo.png", "-k", "box", "-o", "out/"],
        "pool": ["photo.png", "--pool", "max:2", "-o", "out/"],
        "activate": ["photo.png", "-a", "relu", "-o", "out/"],
        "run": [samples / "digits" / "digits.yaml", samples / "digits" / "digit-7.png"],
        "batch": ["photo.png", "-k", "box", "-o", "out"],
    }
    before = sorted(tmp_path.iterdir())
    done = cnnfilter_run(command, *jobs[command], *words)
    assert done.code == 2, done.err
    assert said in done.err
    assert len(done.err.splitlines()) == 1
    assert len(done.err) < 250
    assert sorted(tmp_path.iterdir()) == before


def test_a_batch_takes_the_same_words(cnnfilter_run, run, tmp_path):
    words = ["-k", "box", "-k", "sobel-x", "-o", "out", "--jobs", "0", "--zoom", "2", "--scale", "shared", "-q"]
    assert cnnfilter_run("batch", "photo.png", "dark.png", *words).code == 0
    rows = {
        row["input"]: row["maps"] for row in map(json.loads, (tmp_path / "out/manifest.jsonl").read_text().splitlines())
    }
    for maps in rows.values():
        assert len({one["display"] for one in maps}) == 1
        assert maps[0]["display"].startswith("symmetric -")
    assert pixels(tmp_path / "out/photo.box.png").shape == (32, 42, 3)


def test_the_summary_names_the_colour_map(cnnfilter_run, run, tmp_path):
    row = run("photo.png", "-k", "sobel-x", "--channels", "gray", "--colormap", "coolwarm", "-o", "c.png")
    assert row["display"] == displayed(tmp_path / "c.png") == "abs 0..255, coolwarm"
    done = cnnfilter_run("convolve", "photo.png", "-k", "box", "--channels", "gray", "--colormap", "jet", "-o", "c.png")
    assert "WARNING" not in done.err


def test_colour_maps_are_listed(cnnfilter_run):
    done = cnnfilter_run("colormaps")
    names = done.out.split()
    assert {"viridis", "inferno", "coolwarm"} <= set(names)
    assert names == sorted(names, key=str.lower)
    assert set(cnnfilter_run("colormaps", "blue", "green").out.split()) == {
        name for name in names if "blue" in name.lower() and "green" in name.lower()
    }
    done = cnnfilter_run("colormaps", "nosuchthing")
    assert (done.code, done.out) == (2, "")


def test_colour_maps_are_drawn_where_there_are_colours(cnnfilter_run):
    colours = {"FORCE_COLOR": "1", "COLORTERM": "truecolor", "TERM": "xterm-256color", "NO_COLOR": ""}
    done = cnnfilter_run("colormaps", "viridis", env=colours)
    red, green, blue = colour_table("viridis")[0]
    assert f"38;2;{red};{green};{blue}" in done.out


def in_a_terminal(words, tmp_path):
    """Run the program with a terminal for standard output; give back its code and what it printed."""
    import pty  # there is none on Windows

    own, other = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "cnnfilter", *map(str, words)], stdout=other, stderr=other, cwd=tmp_path
    ) as job:
        os.close(other)
        pieces = []
        while True:
            try:
                piece = os.read(own, 65536)
            except OSError:  # Linux says so when the other end is closed
                break
            if not piece:
                break
            pieces.append(piece)
        code = job.wait()
    os.close(own)
    return code, b"".join(pieces)


@pytest.mark.parametrize(
    "words",
    [
        ["convolve", "photo.png", "-k", "box", "-o", "-"],
        ["convolve", "photo.png", "-k", "box", "-f", "npy", "-o", "-"],
        ["convolve", "photo.png", "-k", "box", "-o", "/dev/stdout"],
        ["pool", "photo.png", "--pool", "max:2", "-f", "tiff", "-o", "-"],
        ["activate", "photo.png", "-a", "relu", "-f", "npz", "-o", "-"],
        ["run", "digits/digits.yaml", "digits/digit-7.png", "--save", "conv1", "-o", "-"],
        ["kernels", "export", "box", "--to", "npy"],
    ],
)
def test_no_binary_on_a_terminal(run, samples, tmp_path, words):
    pytest.importorskip("pty")
    code, printed = in_a_terminal([samples / word if word.startswith("digits/") else word for word in words], tmp_path)
    assert code == 2
    assert b"standard output is a terminal" in printed
    assert b"-o" in printed
    assert len(printed) < 200


def test_text_may_go_to_a_terminal(run, samples, tmp_path):
    pytest.importorskip("pty")
    code, printed = in_a_terminal(
        ["activate", samples / "scores.csv", "-a", "softmax", "-f", "csv", "-o", "-"], tmp_path
    )
    assert code == 0
    assert printed.startswith(b"0.626")
