"""Other tools' conventions from the command line: one command for each kind of difference, with the right value."""

import json

import numpy as np
import pytest
from PIL import Image, ImageFilter

import cnnfilter

RNG = np.random.default_rng(7)
GRAY = RNG.integers(0, 256, (11, 14), np.uint8)
COLOR = RNG.integers(0, 256, (11, 14, 3), np.uint8)


@pytest.fixture
def run(cnnfilter_run, tmp_path):
    """``run(*words)``: the array that ``convolve FILE *words`` dumps, and what it says on the way."""
    Image.fromarray(GRAY).save(tmp_path / "gray.png")
    Image.fromarray(COLOR).save(tmp_path / "color.png")
    np.save(tmp_path / "floats.npy", GRAY * 3.5 - 100)

    def go(*words):
        done = cnnfilter_run("convolve", *words, "-f", "npy", "-o", "out.npy")
        assert done.code == 0, done.err
        return np.load(tmp_path / "out.npy"), " ".join(done.err.split())

    return go


def correlate(image, weights, mode):
    """Sums of products in float64; the middle of the kernel at size // 2."""
    rows, columns = weights.shape
    pads = [(rows // 2, (rows - 1) // 2), (columns // 2, (columns - 1) // 2)]
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(image.astype(float), pads, mode=mode), weights.shape)
    return np.einsum("rcij, ij -> rc", windows, weights)


def gaussian(sigma, radius):
    profile = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    return np.outer(profile, profile) / profile.sum() ** 2


@pytest.mark.parametrize(
    ("tool", "radius", "mode", "scale"),
    [
        ("scipy", 8, "symmetric", 1),
        ("skimage", 8, "edge", 255),
        ("matlab", 4, "edge", 0),
        ("imagemagick", 7, "edge", 0),
    ],
)
def test_default_sizes_follow_the_tool(run, tool, radius, mode, scale):
    got, said = run("gray.png", "-k", "gaussian:sigma=2", "--as", tool)
    expected = correlate(GRAY, gaussian(2, radius), mode)
    assert f": {2 * radius + 1}x{2 * radius + 1}," in said
    if scale:
        assert np.abs(got - expected / scale).max() < 1e-9
    else:  # rounded or cut to 8 bits
        assert np.abs(got - expected).max() <= 1


@pytest.mark.parametrize(
    ("tool", "gray"),
    [
        ("skimage", COLOR @ [0.2125, 0.7154, 0.0721] / 255),
        ("opencv", (COLOR.astype(int) @ [9798, 19235, 3735] + (1 << 14)) >> 15),
        ("pillow", np.asarray(Image.fromarray(COLOR).convert("L"))),
        ("scipy", COLOR @ [0.299, 0.587, 0.114]),
        ("matlab", np.floor(COLOR @ [0.298936021293775, 0.587043074451121, 0.114020904255103] + 0.5)),
        ("imagemagick", np.floor(COLOR @ [0.212656, 0.715158, 0.072186] * 257 + 0.5) // 257),
    ],
)
def test_gray_is_the_tools_own(run, tool, gray):
    got, _ = run("color.png", "-k", "identity", "--as", tool, "--channels", "gray")
    assert np.abs(got - gray).max() < 1e-9


@pytest.mark.parametrize(("name", "weights"), [("roberts-1", [[-1, 0], [0, 1]]), ("roberts-2", [[0, -1], [1, 0]])])
def test_even_kernels_lie_where_skimage_has_them(run, name, weights):
    got, _ = run("gray.png", "-k", name, "--as", "skimage")
    below = np.pad(GRAY / 255, ((0, 1), (0, 1)), mode="symmetric")  # the window begins at the pixel itself
    windows = np.lib.stride_tricks.sliding_window_view(below, (2, 2))
    assert np.abs(got - np.einsum("rcij, ij -> rc", windows, np.array(weights))).max() < 1e-12


def test_a_flip_takes_the_middle_along(run):
    got, _ = run("gray.png", "-k", "1 2 3 4", "--flip", "-p", "same")
    assert np.array_equal(got, [np.convolve(row.astype(float), [1, 2, 3, 4], "same") for row in GRAY])


def test_signs_are_those_of_the_tools_kernel(run):
    ours = correlate(GRAY, np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]), "edge").clip(0, 255)
    got, said = run("gray.png", "-k", "sobel-x", "--as", "imagemagick")
    assert np.array_equal(got, ours)  # -morphology Convolve Sobel turns 1 0 -1 over
    assert "as convert image -morphology Convolve Sobel:" in said
    got, said = run("gray.png", "-k", "sobel-x", "--as", "matlab")
    expected = -correlate(GRAY, np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]), "constant").clip(-255, 0)
    assert np.array_equal(got, expected)  # fspecial('sobel') is positive above


@pytest.mark.parametrize(
    ("name", "theirs"),
    [("contour", ImageFilter.CONTOUR), ("emboss", ImageFilter.EMBOSS), ("box", ImageFilter.BoxBlur(1)),
     ("blur", ImageFilter.BLUR)],
)  # fmt: skip
def test_offsets_and_names_are_pillow_s(run, name, theirs):
    got, _ = run("gray.png", "-k", name, "--as", "pillow")
    assert np.array_equal(got, np.asarray(Image.fromarray(GRAY).filter(theirs)))


@pytest.mark.parametrize("tool", ["skimage", "opencv", "imagemagick", "matlab"])
def test_floats_are_neither_scaled_nor_rounded(run, tool):
    got, said = run("floats.npy", "-k", "identity", "--as", tool)
    assert np.array_equal(got, GRAY * 3.5 - 100)
    assert "values as stored" in said
    assert "rounded" not in said
    assert "clipped" not in said


def test_typed_flags_win(run):
    got, _ = run(
        "gray.png", "-k", "gaussian:sigma=1", "--as", "skimage", "--padding-mode", "symmetric", "--range", "stored"
    )
    assert np.abs(got - correlate(GRAY, gaussian(1, 4), "symmetric")).max() < 1e-9
    got, _ = run("gray.png", "-k", "box", "--as", "pillow", "--dtype", "float64")
    assert np.abs(got - correlate(GRAY, np.full((3, 3), 1 / 9), "edge")).max() < 1e-9


def test_a_dump_records_what_ran(cnnfilter_run, tmp_path):
    Image.fromarray(GRAY.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    done = cnnfilter_run(
        "convolve", "deep.png", "-k", "gaussian:sigma=1", "--as", "opencv", "-f", "json", "-o", "a.json"
    )
    assert done.code == 0, done.err
    parameters = json.loads((tmp_path / "a.json").read_text())["parameters"]
    assert np.array(parameters["kernel"]).shape == (9, 9)  # 4 sigma: 16 bits
    assert parameters["padding_mode"] == "reflect"
    assert parameters["convention"].startswith("as cv2.GaussianBlur(image, (0, 0), 1): 9x9")
    done = cnnfilter_run("convolve", "deep.png", "-k", "dog", "--as", "skimage", "-f", "json", "-o", "b.json")
    assert json.loads((tmp_path / "b.json").read_text())["parameters"]["padding_mode"] == "replicate"


def test_kernels_of_one_picture_keep_their_own_borders(run):
    both, _ = run("gray.png", "-k", "gaussian:sigma=1", "-k", "box:size=9", "--combine", "sum", "--as", "skimage")
    blurred = correlate(GRAY / 255, gaussian(1, 4), "edge")
    mean = correlate(GRAY / 255, np.full((9, 9), 1 / 81), "symmetric")
    assert np.abs(both - blurred - mean).max() < 1e-12


def test_batch_takes_each_depth_as_it_is(cnnfilter_run, tmp_path):
    (tmp_path / "in").mkdir()
    Image.fromarray(GRAY).save(tmp_path / "in" / "a.png")
    Image.fromarray(GRAY.astype(np.uint16) * 257).save(tmp_path / "in" / "b.png")
    done = cnnfilter_run("batch", "in", "-k", "gaussian:sigma=2", "--as", "opencv", "-o", "out", "-f", "npy")
    assert done.code == 0, done.err
    records = [json.loads(line) for line in (tmp_path / "out" / "manifest.jsonl").read_text().splitlines()]
    notes = {record["input"]: record["maps"][0]["notes"][0] for record in records}
    assert "13x13" in notes["a.png"]
    assert "17x17" in notes["b.png"]


def test_formulas_are_the_tools_own():
    assert cnnfilter.load_kernel("log:variant=matlab").weights[2, 2] == pytest.approx(-4.9048, abs=5e-5)
    assert cnnfilter.load_kernel("unsharp:variant=matlab").weights[1, 1] == pytest.approx(4.3333, abs=5e-5)
    assert cnnfilter.load_kernel("laplacian:variant=matlab").weights[1, 1] == pytest.approx(-3.3333, abs=5e-5)
    assert cnnfilter.load_kernel("log:variant=imagemagick").weights[4, 4] == pytest.approx(0.451863, abs=1e-6)
    assert cnnfilter.load_kernel("shape:kind=octagon,radius=3").weights.sum() == 37
    assert cnnfilter.load_kernel("shape:kind=ring,radius=2").weights.sum() == 12
    assert cnnfilter.load_kernel("gaussian:variant=scipy,sigma=2").shape == (17, 17)
