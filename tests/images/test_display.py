"""From values to pixels, and back to what was stated."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnfilter.errors import ParameterError, ShapeError, UnknownNameError
from cnnfilter.images.colour import apply_colormap, colormap_names, colour_table
from cnnfilter.images.display import (
    DISPLAYS,
    Display,
    Extent,
    choose_kind,
    extent_of,
    needs_statistics,
    parse_display,
    resolve,
    to_pixels,
)


def by_the_formula(strip, display, top):
    """The contract's formula, cell by cell, in Python's own numbers."""
    out = np.zeros(strip.shape)
    for index, value in np.ndenumerate(strip):
        v = float(value)
        if v != v:
            continue
        v = abs(v) if display.absolute else v
        scaled = (v - display.low) * top / (display.high - display.low)
        out[index] = top if scaled >= top else 0 if scaled <= 0 else round(scaled)
    return out.transpose(1, 2, 0)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize(
    "display",
    [
        Display("clip", 0.0, 255.0),
        Display("clip", 0.0, 65535.0),
        Display("abs", 0.0, 255.0, absolute=True),
        Display("minmax", -70.0, 330.0),
        Display("symmetric", -400.0, 400.0),
    ],
    ids=str,
)
@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_follow_the_formula(channels, display, bits):
    strip = np.random.default_rng(0).normal(60, 150, (channels, 7, 5))
    strip[0, 0, :3] = np.nan, np.inf, -np.inf
    top = 2**bits - 1
    pixels = to_pixels(strip, display, bits)
    assert pixels.dtype == (np.uint8 if bits == 8 else np.uint16)
    assert pixels.shape == (7, 5, channels)
    np.testing.assert_array_equal(pixels, by_the_formula(strip, display, top))
    single = to_pixels(strip.astype(np.float32), display, bits).astype(int)
    assert np.abs(single - pixels).max() <= 1


@given(st.integers(1, 200), st.integers(1, 3000), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_blocks_do_not_show(rows, width, channels, seed):
    rng = np.random.default_rng(seed)
    strip = rng.integers(-50, 300, (channels, rows, width)).astype(np.float32)
    expected = np.clip(strip, 0, 255).astype(np.uint8).transpose(1, 2, 0)
    np.testing.assert_array_equal(to_pixels(strip, Display("clip", 0.0, 255.0)), expected)


def test_nothing_finite_is_black_and_infinity_is_white():
    values = np.array([[np.nan, -np.inf, np.inf]])
    for kind in ("clip", "abs", "minmax", "symmetric"):
        pixels = to_pixels(values, resolve(kind, 255, extent_of([values])))
        np.testing.assert_array_equal(pixels.ravel(), [0, 255 if kind == "abs" else 0, 255])


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64, np.float32, np.float64, bool])
def test_every_type_of_value(dtype):
    strip = np.array([[[0, 1, 1], [1, 0, 1]]], dtype)
    np.testing.assert_array_equal(to_pixels(strip, Display("clip", 0.0, 1.0))[..., 0], strip[0].astype(int) * 255)


def test_the_input_stays_as_it_was():
    strip = np.array([[[-5.0, 3.0]]], np.float32)
    strip.flags.writeable = False
    to_pixels(strip, Display("abs", 0.0, 2.0, absolute=True))
    np.testing.assert_array_equal(strip, [[[-5.0, 3.0]]])


@pytest.mark.parametrize(
    ("weights", "processed", "kind"),
    [
        (np.full((3, 3), 1 / 9), False, "clip"),
        ([[0, -1, 0], [-1, 5, -1], [0, -1, 0]], False, "clip"),
        ([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], False, "abs"),
        (np.full((3, 3), 1.0), False, "minmax"),
        ([[-1, 0, 1]], True, "minmax"),
        (None, False, "minmax"),
        (np.zeros((3, 3)), False, "abs"),
        # sums that are 1, and 0, to the rounding of the decimals that were typed
        (np.full((3, 3), 0.1111), False, "clip"),
        (np.full((3, 3), 0.11), False, "clip"),  # 0.99
        ([[0.34, 0.33, 0.34]], False, "clip"),  # 1.01
        (
            [[0.077847, 0.123317, 0.077847], [0.123317, 0.195346, 0.123317], [0.077847, 0.123317, 0.077847]],
            False,
            "clip",
        ),
        ([[0.3, 0.3, 0.3]], False, "minmax"),  # 0.9
        ([[0.35, 0.33, 0.34]], False, "minmax"),  # 1.02
        ([[0.3333, 0.3333, -0.6667]], False, "abs"),
        ([[-0.33, -0.33, 0.67]], False, "abs"),  # 0.01 of 1.33
        ([[1, -0.95]], False, "minmax"),  # 0.05 of 1.95
        (1000 * np.array([[0.3333, 0.3333, -0.6667]]), False, "abs"),  # the size of the weights does not matter
        ([[60.0, -59.0]], False, "clip"),  # both hold: the sum is 1
        (np.full((3, 3, 3), 1 / 27), False, "clip"),  # over three channels
    ],
)
def test_auto(weights, processed, kind):
    assert choose_kind(None if weights is None else np.asarray(weights), processed) == kind


@pytest.mark.parametrize(
    ("kind", "white", "extent", "low", "high"),
    [
        ("clip", 65535, None, 0, 65535),
        ("abs", 1, None, 0, 1),
        ("minmax", 255, (-3, 7), -3, 7),
        ("symmetric", 255, (-3, 7), -7, 7),
        ("percentile:99", 255, (-3, 7), -3, 7),
        ("numbers", 255, (-3, 7), -7, 7),
        ("numbers", 255, (2, 7), 2, 7),
        ("numbers", 255, (-7, -2), -7, -2),
        ("minmax", 255, (5, 5), 0, 255),
        ("minmax", 255, (-0.5, -0.5), -1.5, 0.5),
        ("percentile:99", 255, (300, 300), 150, 450),
        ("symmetric", 255, (0, 0), -1, 1),
    ],
)
def test_resolve(kind, white, extent, low, high):
    display = resolve(kind, white, extent and Extent(*extent))
    assert (display.low, display.high, display.absolute) == (low, high, kind == "abs")


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize(
    ("kind", "white", "value", "pixel", "said"),
    [
        ("minmax", 255, 200.0, 200 / 255, "minmax: constant 200 as clip 0..255"),
        ("minmax", 255, 1.0, 1 / 255, "minmax: constant 1 as clip 0..255"),
        ("minmax", 1, 0.25, 0.25, "minmax: constant 0.25 as clip 0..1"),
        ("percentile:90", 255, 0.0, 0.0, "percentile:90: constant 0 as clip 0..255"),
        ("minmax", 255, -3.0, 0.5, "minmax: constant -3 as gray -4.5..-1.5"),
        ("numbers", 1, 2.0**102, 0.5, "minmax: constant 5.0706e+30 as gray 2.5353e+30..7.6059e+30"),
        ("symmetric", 255, 0.0, 0.5, "symmetric: constant 0 in -1..1"),
        ("symmetric", 255, 4.0, 1.0, "symmetric: constant 4 in -4..4"),
        ("symmetric", 255, -4.0, 0.0, "symmetric: constant -4 in -4..4"),
    ],
)
def test_constant_values(kind, white, value, pixel, said, bits):
    values = np.full((1, 4, 5), value, np.float32)
    display = resolve(kind, white, extent_of([values], kind))
    assert str(display) == said
    assert display.constant == value
    top = 2**bits - 1
    assert np.unique(to_pixels(values, display, bits)).tolist() == [round(pixel * top)]


def test_zero_is_a_neutral_gray():
    values = np.array([[-2.0, -1.0, 0.0, 1.0, 2.0]])
    pixels = to_pixels(values, resolve("numbers", 255, extent_of([values]))).ravel()
    np.testing.assert_array_equal(pixels, [0, 64, 128, 191, 255])


def test_extents_leave_out_what_is_not_finite():
    values = np.array([1.0, np.nan, -4.0, np.inf])
    assert extent_of([values, np.array([2.0])]) == Extent(-4.0, 2.0)
    many = np.append(np.arange(101.0), np.inf)
    assert extent_of([many], "percentile:90") == extent_of([many], "percentile:10") == Extent(10.0, 90.0)
    rare = np.append(np.zeros(1000), 5.0)
    assert extent_of([rare], "percentile:90") == Extent(0.0, 5.0)


@pytest.mark.parametrize("kind", ["minmax", "symmetric", "percentile:99", "numbers"])
def test_where_nothing_is_finite(kind):
    for values in ([], [np.array([[np.nan, np.inf, -np.inf]])]):
        display = resolve(kind, 255, extent_of(values, kind) if values else extent_of([]))
        assert (display.low, display.high) == (0.0, 255.0)
        assert "no finite value, clip 0..255" in str(display)
    np.testing.assert_array_equal(to_pixels(values[0], display).ravel(), [0, 255, 0])


def test_which_displays_wait_for_all_values():
    assert {kind for kind in DISPLAYS if needs_statistics(kind)} == {"minmax", "symmetric", "percentile"}
    with pytest.raises(ParameterError, match="needs the smallest"):
        resolve("minmax", 255)


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("minmaks", UnknownNameError, "did you mean minmax"),
        ("percentile", ParameterError, "percentile:99"),
        ("percentile:x", ParameterError, "0 to 100"),
        ("percentile:101", ParameterError, "0 to 100"),
        ("percentile:50", ParameterError, "leaves nothing between its ends"),
        ("clip:3", ParameterError, "takes no value"),
    ],
)
def test_displays_that_are_refused(text, error, words):
    with pytest.raises(error, match=words):
        parse_display(text)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("size", ["largest", "smallest"])
def test_values_at_the_ends_of_a_type_are_mapped_as_others_are(dtype, bits, size):
    unit = float(np.finfo(dtype).max) / 4 if size == "largest" else 4 * float(np.finfo(dtype).smallest_subnormal)
    for multiples in ([-4, -1, 0, 3, 4], [0, 1, 2, 4], [-3, -2, -1]):
        values = np.array([multiples], dtype) * dtype(unit)
        for kind in ("minmax", "symmetric"):
            usual = to_pixels(np.array([multiples], dtype), resolve(kind, 1.0, extent_of([np.array(multiples)])), bits)
            extreme = to_pixels(values, resolve(kind, 1.0, extent_of([values])), bits)
            assert np.abs(extreme.astype(int) - usual.astype(int)).max() <= 1


def test_colour_maps():
    table = colour_table("viridis")
    assert table.shape == (256, 3)
    np.testing.assert_array_equal(table[[0, -1]], [[68, 1, 84], [253, 231, 37]])
    pixels = np.array([[0, 255, 0], [255, 255, 0]], np.uint8)
    coloured = apply_colormap(pixels[..., None], table)
    np.testing.assert_array_equal(coloured, table[pixels])
    with pytest.raises(UnknownNameError, match="viridis"):
        colour_table("viridid")


@pytest.mark.parametrize("name", ["nosuch", "", "x" * 5000, "viridis:4", "['red', 'blue']"])
def test_a_wrong_colour_map_takes_one_short_line(name):
    with pytest.raises(UnknownNameError, match="cnnfilter colormaps lists all") as caught:
        colour_table(name)
    assert len(str(caught.value)) < 200


def test_every_name_that_is_listed_is_a_colour_map(capfd):
    names = colormap_names()
    assert len(names) > 300
    assert {"viridis", "coolwarm", "gray"} <= set(names)
    for name in [*names[::7], "Set1", "coolwarm", "viridis_r"]:
        assert colour_table(name).shape == (256, 3)
    assert capfd.readouterr() == ("", "")


def test_colour_maps_need_one_channel():
    table = colour_table("viridis")
    with pytest.raises(ShapeError, match="one channel"):
        apply_colormap(np.zeros((2, 3, 3), np.uint8), table)
