"""`--as pillow` against Pillow itself: the same pixels."""

import json

import numpy as np
import pytest
from adopted import alpha_of, filtered, random_case, random_weights, seeds
from PIL import Image, ImageFilter

import cnnfilter

OWN = ["BLUR", "CONTOUR", "DETAIL", "EDGE_ENHANCE", "EDGE_ENHANCE_MORE", "EMBOSS", "FIND_EDGES", "SHARPEN", "SMOOTH",
       "SMOOTH_MORE"]  # fmt: skip
TYPED = ["sobel-y", "gaussian:size=5", "1 2 3; 4 5 6; -7 -8 -8", ".1 .2 .3; .1 0 .1; .05 .1 .07"]


@pytest.mark.parametrize("name", ["scene.png", "scene-color.png"])
def test_pixels_are_those_of_pillow(cnnfilter_run, samples, tmp_path, name):
    specs = [f"pillow-{one.lower().replace('_', '-')}" for one in OWN] + TYPED
    words = [word for spec in specs for word in ("-k", spec)]
    done = cnnfilter_run("convolve", samples / name, *words, "--as", "pillow", "--json", "-f", "png", "-f", "npy")
    assert done.code == 0, done.err
    with Image.open(samples / name) as picture:
        image = picture.copy()
    for spec, result in zip(specs, json.loads(done.out)["results"], strict=True):
        if spec in TYPED:
            weights = cnnfilter.load_kernel(spec).weights
            theirs = ImageFilter.Kernel(weights.shape, weights.ravel().tolist(), scale=1)
        else:
            theirs = getattr(ImageFilter, spec.removeprefix("pillow-").upper().replace("-", "_"))
        expected = np.asarray(image.filter(theirs))
        with Image.open(tmp_path / result["outputs"][0]) as written:
            assert written.mode == image.mode
            assert np.array_equal(np.asarray(written), expected), spec  # transparency too
        values = np.load(tmp_path / result["outputs"][1])
        colors = expected[..., :3] if expected.ndim == 3 else expected
        assert np.array_equal(values if values.ndim == 2 else np.moveaxis(values, 0, -1), colors), spec


NAMES = {
    "contour": ImageFilter.CONTOUR,
    "emboss": ImageFilter.EMBOSS,
    "sharpen": ImageFilter.SHARPEN,
    "detail": ImageFilter.DETAIL,
    "edge-enhance": ImageFilter.EDGE_ENHANCE,
    "edge-enhance-more": ImageFilter.EDGE_ENHANCE_MORE,
    "edge-detect": ImageFilter.FIND_EDGES,
    "smooth": ImageFilter.SMOOTH,
    "smooth-more": ImageFilter.SMOOTH_MORE,
    "blur": ImageFilter.BLUR,
    "box": ImageFilter.BoxBlur(1),
    "gaussian": ImageFilter.GaussianBlur(),
}


@pytest.mark.parametrize("name", NAMES)
def test_names_are_pillow_s(name):
    array, _ = random_case(np.random.default_rng(len(name)), [lambda _: None], depths=["uint8"], channels=[1])
    got, note = filtered("pillow", array, name)
    assert np.array_equal(got, np.asarray(Image.fromarray(array).filter(NAMES[name])))
    assert "as image.filter(ImageFilter." in note
    assert "ImageFilter.Kernel" not in note


def test_pillow_filters_8_bits_only(cnnfilter_run, samples):
    done = cnnfilter_run("convolve", samples / "scene-16bit.png", "-k", "sobel-x", "--as", "pillow")
    assert done.code == 3
    assert "pillow filters pictures of 8 bits, this one holds uint16" in done.err


@pytest.mark.parametrize(
    ("kernel", "size", "words"),
    [
        ("sobel-7-x", "7x7", []), ("1 2; 3 4", "2x2", []), ("box:size=7", "7x7", ["--bias", "3"]),
        ("gaussian:sigma=2", "13x13", ["-k", "sobel-x", "--combine", "magnitude"]),
    ],
)  # fmt: skip
def test_sizes_that_pillow_does_not_take_are_said_before_a_picture_is_read(
    cnnfilter_run, samples, tmp_path, kernel, size, words
):
    pictures = [samples / "scene.png", samples / "smiley-7x7.csv"]
    done = cnnfilter_run("convolve", *pictures, "-k", kernel, *words, "--as", "pillow")
    assert done.code == 2
    assert done.err.count("\n") == 1
    assert f"pillow takes kernels of 3x3 or 5x5, got {size}" in done.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("words", [["--stride", "2"], ["--dilation", "2"], ["--padding", "valid"]])
def test_passes_have_no_stride(cnnfilter_run, samples, tmp_path, words):
    done = cnnfilter_run("convolve", samples / "scene.png", "-k", "box", "--as", "pillow", *words)
    assert done.code == 2
    assert f"image.filter(ImageFilter.BoxBlur(1)) has no {words[0]}" in done.err
    assert not list(tmp_path.iterdir())


def typed(rng):
    weights, spec = random_weights(rng, [(3, 3), (5, 5)])
    return spec, ImageFilter.Kernel(weights.shape, weights.ravel().tolist(), scale=1)


def named(rng):
    name = list(NAMES)[int(rng.integers(len(NAMES)))]
    return name, NAMES[name]


def box(rng):
    rows, columns = rng.integers(0, 7, 2).tolist()
    return f"box:size={2 * rows + 1},{2 * columns + 1}", ImageFilter.BoxBlur((columns, rows))


def gaussian(rng):
    sigma = round(float(rng.uniform(0.2, 6)), 2)
    return f"gaussian:sigma={sigma}", ImageFilter.GaussianBlur(sigma)


@pytest.mark.parametrize("seed", seeds(320))
def test_random_cases(seed):
    rng = np.random.default_rng(seed)
    array, (spec, theirs) = random_case(rng, [typed, named, box, gaussian], depths=["uint8"], channels=[1, 2, 3, 4])
    image = Image.fromarray(array)
    gray = image.mode == "RGB" and rng.random() < 0.4
    got, _ = filtered("pillow", array, spec, channels="gray" if gray else "each")
    expected = np.asarray((image.convert("L") if gray else image).filter(theirs))
    if image.mode not in ("LA", "RGBA"):
        assert np.array_equal(got, expected), spec
        return
    assert np.array_equal(got, expected[..., 0] if image.mode == "LA" else expected[..., :3]), spec
    assert np.array_equal(alpha_of("pillow", array, spec), expected[..., -1]), spec


@pytest.mark.parametrize("spec", ["1 2 3; 4 5 6; -7 -8 -8", "1 0 0 0 0; 0 0 0 0 0; 0 0 0 0 0; 0 0 0 0 -1; 0 0 1 0 0"])
def test_summed_channels_repeat_the_border(cnnfilter_run, tmp_path, spec):
    """No pixel of the picture stands for a sum of channels: the border is no copy, and the inside as without."""
    pixels = np.random.default_rng(3).integers(0, 256, (9, 8, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "three.png")
    words = ["three.png", "-k", spec, "--channels", "sum", "--as", "pillow", "-f", "npy"]
    done = cnnfilter_run("convolve", *words, "-o", "sum.npy")
    assert done.code == 0, done.err
    assert "border replicate" in done.err
    weights = cnnfilter.load_kernel(spec).weights[::-1]
    rows, columns = (size // 2 for size in weights.shape)
    padded = np.pad(pixels.sum(-1, dtype=float), ((rows, rows), (columns, columns)), "edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, weights.shape)
    expected = np.clip(np.floor((windows * weights).sum((-1, -2)) + 0.5), 0, 255)
    assert np.array_equal(np.load(tmp_path / "sum.npy"), expected)
