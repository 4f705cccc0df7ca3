"""Several maps combined into one, against NumPy."""

import json

import numpy as np
import pytest
from PIL import Image

import cnnfilter
from cnnfilter.run.combine import COMBINERS, combine
from cnnfilter.run.options import COMBINATIONS

IMAGE = np.random.default_rng(8).integers(0, 256, (3, 21, 26), np.uint8)
ORACLES = {
    "magnitude": lambda maps: np.sqrt((maps.astype(np.float64) ** 2).sum(axis=0)),
    "max": lambda maps: maps.max(axis=0),
    "min": lambda maps: maps.min(axis=0),
    "sum": lambda maps: maps.sum(axis=0),
    "mean": lambda maps: maps.mean(axis=0),
    "argmax": lambda maps: maps.argmax(axis=0),
}


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "picture.png"
    Image.fromarray(np.moveaxis(IMAGE, 0, -1).copy()).save(path)
    return path


def maps_of(*specs, image=IMAGE, **options):
    return np.stack([cnnfilter.conv2d(image, spec, **options) for spec in specs])


def test_every_word_has_a_function_and_an_oracle():
    assert set(COMBINERS) == set(COMBINATIONS) == {*ORACLES, "angle"}


@pytest.mark.parametrize("how", ORACLES)
def test_one_map_for_each_channel(cnnfilter_run, picture, tmp_path, how):
    words = ["-k", "sobel-x", "-k", "sobel-y", "-k", "laplacian-8", "--combine", how]
    done = cnnfilter_run("convolve", "picture.png", *words, "-f", "npy", "-f", "png")
    assert done.code == 0, done.err
    expected = ORACLES[how](maps_of("sobel-x", "sobel-y", "laplacian-8"))
    assert np.allclose(np.load(tmp_path / f"picture.{how}.npy"), expected, rtol=1e-6, atol=0)
    with Image.open(tmp_path / f"picture.{how}.png") as image:
        assert image.size == (24, 19)
        assert image.mode == "RGB"


@pytest.mark.parametrize("channels", ["gray", "sum"])
def test_channels_become_one_before_maps_do(cnnfilter_run, picture, tmp_path, channels):
    words = ["-k", "sobel-x", "-k", "sobel-y", "--combine", "magnitude", "--channels", channels]
    assert cnnfilter_run("convolve", "picture.png", *words, "-f", "npy").code == 0
    weights = {"gray": [0.299, 0.587, 0.114], "sum": [1, 1, 1]}[channels]
    image = np.tensordot(weights, IMAGE, 1).astype(np.float32)
    expected = ORACLES["magnitude"](maps_of("sobel-x", "sobel-y", image=image))
    assert np.allclose(np.load(tmp_path / "picture.magnitude.npy"), expected, rtol=1e-4, atol=1e-2)


def test_kernels_of_several_sizes_where_the_maps_have_one(cnnfilter_run, picture, tmp_path):
    words = ["-k", "sobel-x", "-k", "sobel-5-x", "--combine", "max", "--padding", "same", "--bias", "3"]
    assert cnnfilter_run("convolve", "picture.png", *words, "-f", "npy").code == 0
    expected = maps_of("sobel-x", "sobel-5-x", padding="same", bias=3).max(axis=0)
    assert np.array_equal(np.load(tmp_path / "picture.max.npy"), expected)


def test_maps_of_several_sizes_are_refused_with_their_sizes(cnnfilter_run, picture, tmp_path):
    done = cnnfilter_run("convolve", "picture.png", "-k", "sobel-x", "-k", "sobel-5-x", "--combine", "max")
    assert done.code == 3
    assert "--combine max needs maps of one size, got sobel-x 3 x 19 x 24, sobel-5-x 3 x 17 x 22" in done.err
    assert list(tmp_path.iterdir()) == [picture]


def test_activation_and_pooling_come_after(cnnfilter_run, picture, tmp_path):
    words = ["-k", "sobel-x", "-k", "sobel-y", "--combine", "min", "-a", "relu", "--pool", "max:2"]
    assert cnnfilter_run("convolve", "picture.png", *words, "-f", "npy").code == 0
    smallest = np.maximum(maps_of("sobel-x", "sobel-y").min(axis=0), 0)
    assert np.array_equal(np.load(tmp_path / "picture.min.npy"), cnnfilter.pool2d(smallest, "max", 2))


def test_pictures_dumps_and_tables_agree(cnnfilter_run, picture, tmp_path):
    words = ["-k", "sobel-x", "-k", "sobel-y", "--combine", "magnitude", "--channels", "gray"]
    done = cnnfilter_run("convolve", "picture.png", *words, "--json", "-f", "json", "-f", "png")
    (result,) = json.loads(done.out)["results"]
    assert result["kernel"] == "magnitude"
    assert result["spec"] == "magnitude(sobel-x, sobel-y)"
    assert result["display"] == "abs 0..255"
    document = json.loads((tmp_path / "picture.magnitude.json").read_text())
    assert document["parameters"]["combine"] == "magnitude"
    assert list(document["parameters"]["kernels"]) == ["sobel-x", "sobel-y"]
    with Image.open(tmp_path / "picture.magnitude.png") as image:
        assert np.array_equal(np.asarray(image), np.clip(np.rint(document["data"]), 0, 255))


def test_the_direction_of_a_compass(cnnfilter_run, tmp_path):
    np.save(tmp_path / "step.npy", np.repeat([[0.0], [100.0]], [4, 4], axis=0) @ np.ones((1, 7)))
    assert cnnfilter_run("convolve", "step.npy", "-k", "bank:kirsch", "--combine", "argmax", "-o", "way.npy").code == 0
    ways = np.load(tmp_path / "way.npy")
    bank = cnnfilter.load_kernel("bank:kirsch")
    strongest = max(range(8), key=lambda k: (bank[k].weights * [[0], [0], [1]]).sum())
    assert set(ways[2]) == {float(strongest)}


def test_nan_is_never_the_largest():
    maps = np.array([[[[1.0, np.nan]]], [[[2.0, 5.0]]]])
    assert np.array_equal(combine("argmax", maps), [[[1.0, np.nan]]], equal_nan=True)


def test_a_word_that_is_none(cnnfilter_run, picture):
    done = cnnfilter_run("convolve", "picture.png", "-k", "sobel-x", "--combine", "magnitud")
    assert done.code == 2
    assert "unknown combination 'magnitud' (did you mean magnitude?)" in done.err


def test_the_angle_of_a_picture(cnnfilter_run, picture, tmp_path):
    """Against atan2 in float64: whole numbers through Sobel kernels are exact."""
    words = ["-k", "sobel-x", "-k", "sobel-y", "--combine", "angle"]
    done = cnnfilter_run("convolve", "picture.png", *words, "-f", "npy", "-f", "png", "--json")
    assert done.code == 0, done.err
    across, down = maps_of("sobel-x", "sobel-y").astype(np.float64)
    expected = np.where((across == 0) & (down == 0), np.nan, np.degrees(np.arctan2(down, across)))
    found = np.load(tmp_path / "picture.angle.npy")
    np.testing.assert_allclose(found, expected, rtol=2e-7, atol=1e-6)
    assert np.nanmin(found) > -180
    assert np.nanmax(found) <= 180
    (result,) = json.loads(done.out)["results"]
    assert result["display"] == "angle -180..180"
    with Image.open(tmp_path / "picture.angle.png") as image:
        drawn = np.moveaxis(np.asarray(image), -1, 0)
        assert np.array_equal(drawn, np.rint((np.nan_to_num(found, nan=-180) + 180) * 255 / 360))


def test_angles_of_numbers_go_from_black_to_white_alike(cnnfilter_run, tmp_path):
    rows, columns = np.mgrid[:6, :6] - 2.5
    np.save(tmp_path / "bowl.npy", rows**2 + columns**2)  # grows outwards, in all directions
    np.save(tmp_path / "slope.npy", columns)  # to the right, everywhere
    words = ["-k", "sobel-x", "-k", "sobel-y", "--combine", "angle", "-f", "png", "--json"]
    done = cnnfilter_run("convolve", "bowl.npy", "slope.npy", *words)
    assert [one["display"] for one in json.loads(done.out)["results"]] == ["angle -180..180"] * 2
    with Image.open(tmp_path / "slope.angle.png") as image:
        assert set(np.unique(np.asarray(image))) == {128}  # rint(255 / 2)
    with Image.open(tmp_path / "bowl.angle.png") as image:
        corners = np.asarray(image)[[0, 0, 3, 3], [0, 3, 0, 3]]
    assert corners.tolist() == [round((degrees + 180) * 255 / 360) for degrees in (-135, -45, 135, 45)]


@pytest.mark.parametrize(("way", "degrees"), [("right", 0), ("down", 90), ("left", 180), ("up", -90)])
def test_angles_go_clockwise_from_the_right(cnnfilter_run, tmp_path, way, degrees):
    ramp = np.arange(6.0) * np.ones((6, 1))
    np.save(tmp_path / "r.npy", {"right": ramp, "left": -ramp, "down": ramp.T, "up": -ramp.T}[way])
    words = ["-k", "prewitt-x", "-k", "prewitt-y", "--combine", "angle", "-o", "angle.npy"]
    assert cnnfilter_run("convolve", "r.npy", *words).code == 0
    assert np.array_equal(np.load(tmp_path / "angle.npy"), np.full((4, 4), degrees))


def test_no_gradient_has_no_angle_and_it_is_said(cnnfilter_run, tmp_path):
    image = np.full((6, 8), 7.0)
    image[:, 6:] = 9
    np.save(tmp_path / "flat.npy", image)
    words = ["-k", "sobel-x", "-k", "sobel-y", "--combine", "angle", "-f", "csv", "-f", "png"]
    done = cnnfilter_run("convolve", "flat.npy", *words)
    assert done.code == 0
    assert "its map angle holds 16 NaN" in done.err


def test_the_smallest_change_upwards_is_no_turn_to_minus_180():
    maps = np.array([[-1.0, -1.0, -1.0], [-0.0, -1e-300, -1e-6]])
    assert np.array_equal(combine("angle", maps), [180, 180, np.degrees(np.arctan2(-1e-6, -1))])
    maps = np.array([[0.0, -0.0, np.nan, np.inf], [-0.0, 0.0, 1, 1]])
    assert np.array_equal(combine("angle", maps), [np.nan, np.nan, np.nan, 0], equal_nan=True)


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("command", ["convolve", "batch", "plan"])
def test_an_angle_takes_two_kernels(cnnfilter_run, picture, tmp_path, command, count):
    words = ["-k", "sobel-x", "-k", "sobel-y", "-k", "laplacian-4"][: 2 * count]
    where = [] if command == "plan" else ["-o", "out/"]
    done = cnnfilter_run(command, "picture.png", *words, "--combine", "angle", *where)
    assert done.code == 2
    assert f"--combine angle takes two kernels, the change to the right and then the change downwards, got {count}" in (
        done.err
    )
    assert list(tmp_path.iterdir()) == [picture]


@pytest.mark.parametrize(
    ("words", "note"),
    [
        (["sobel-x", "sobel-y"], ""),
        (["gaussian-x:sigma=2", "gaussian-y:sigma=2"], ""),
        (["sobel-y", "sobel-x"], "0 degrees is the direction in which sobel-y grows (90 degrees clockwise"),
        (["roberts-1", "roberts-2"], "in which roberts-1 grows (-135 degrees clockwise from the right), 90 that"),
        (["laplacian-4", "sobel-y"], "laplacian-4 answers no slope, so this is the angle of no gradient"),
        (["sobel-x", "sobel-y", "--flip"], "sobel-x grows (180 degrees clockwise"),
    ],
)
def test_a_note_says_where_an_angle_starts_elsewhere(cnnfilter_run, picture, words, note):
    first, second, *more = words
    done = cnnfilter_run(
        "convolve", "picture.png", "-k", first, "-k", second, *more, "--combine", "angle", "-p", "same", "-o", "a.png"
    )
    assert done.code == 0
    assert note in done.err
    assert bool(note) == ("--combine angle" in done.err)


def test_an_angle_is_no_pixel_of_the_tool(cnnfilter_run, picture, tmp_path):
    words = ["-k", "sobel-x", "-k", "sobel-y", "--combine", "angle", "--as", "opencv", "-f", "npy"]
    assert cnnfilter_run("convolve", "picture.png", *words).code == 0
    assert np.nanmin(np.load(tmp_path / "picture.angle.npy")) < -90


def test_magnitudes_of_huge_tiny_and_missing_values():
    huge = np.array([[3e38, 1e-38, np.inf, np.nan, np.inf], [1e38, 1e-38, 1, 1, np.nan]], np.float32)
    wanted = np.sqrt((huge.astype(np.float64) ** 2).sum(axis=0))
    np.testing.assert_allclose(combine("magnitude", huge), wanted, rtol=2e-7)
    assert np.allclose(combine("magnitude", np.array([[3e200], [4e200]])), 5e200)
    assert combine("mean", np.array([[3e38], [3e38]], np.float32)) == np.float32(3e38)


@pytest.mark.parametrize(
    ("spec", "both"),
    [
        ("sobel", "-k sobel-x -k sobel-y"),
        ("roberts", "-k roberts-1 -k roberts-2"),
        ("sobel:size=5", "-k sobel:size=5,dx=1,dy=0 -k sobel:size=5,dx=0,dy=1"),
        ("gaussian-gradient:sigma=2", "-k gaussian-gradient:sigma=2,dx=1,dy=0 -k gaussian-gradient:sigma=2,dx=0,dy=1"),
        ("sobel-x", ""),
        ("sobel:dx=0,dy=1", ""),
        ("sobel:rotate=45", ""),
        ("bank:sobel", ""),
        ("gaussian", ""),
    ],
)
def test_a_name_without_a_direction_offers_both(cnnfilter_run, picture, spec, both):
    done = cnnfilter_run("convolve", "picture.png", "-k", spec, "-o", "out/")
    assert done.code == 0
    assert (f"(both in one: {both} --combine magnitude)" in done.err) == bool(both)
    if both:
        again = cnnfilter_run("convolve", "picture.png", *both.split(), "--combine", "magnitude", "-o", "both.png")
        assert (again.code, again.err) == (0, "")
