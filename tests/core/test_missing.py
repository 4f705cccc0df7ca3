"""Missing cells: every window by hand, over the cells that are there."""

import numpy as np
import pytest

import cnnfilter
from cnnfilter.core.conv import ENGINES
from cnnfilter.errors import ParameterError, UnknownNameError

GRID = np.array([[1, 2, 3], [4, np.nan, 6], [7, 8, 9]])


def renormalised(image, weights, pads, mode):
    """Each window's weights that are there, made to sum to what the kernel sums to; NaN where they cancel."""
    image = np.pad(image, pads, **({} if mode == "zeros" else {"mode": mode.replace("replicate", "edge")}))
    rows, columns = weights.shape
    out = np.full((image.shape[0] - rows + 1, image.shape[1] - columns + 1), np.nan)
    least = (0.01 if (weights < 0).any() else 1e-9) * np.abs(weights).sum()
    for i, j in np.ndindex(out.shape):
        window = image[i : i + rows, j : j + columns]
        there = ~np.isnan(window)
        if abs(weights[there].sum()) > least:
            out[i, j] = (window[there] * weights[there]).sum() * weights.sum() / weights[there].sum()
    return out


@pytest.mark.parametrize("engine", ["auto", *ENGINES])
@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate"])
@pytest.mark.parametrize("share", [0.01, 0.3, 0.97, 1])
def test_every_engine_renormalises(engine, mode, share):
    rng = np.random.default_rng(1)
    image = rng.random((68, 71))
    image[rng.random(image.shape) < share] = np.nan
    line = np.exp(-(((np.arange(13) - 6) / 3) ** 2))
    for weights in (rng.random((3, 4)), np.outer(line, line), rng.random((12, 13)), rng.random((5, 5)) - 0.3):
        expected = renormalised(image, weights, ((2, 1), (0, 3)), mode)
        got = cnnfilter.conv2d(
            image, weights, missing="ignore", padding=((2, 1), (0, 3)), padding_mode=mode, engine=engine
        )
        np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-12 * np.abs(weights).sum())


def test_the_middle_of_nine_through_a_box():
    assert np.isnan(cnnfilter.conv2d(GRID, "box")).all()
    np.testing.assert_allclose(cnnfilter.conv2d(GRID, "box", missing="ignore"), [[5]])
    np.testing.assert_allclose(cnnfilter.conv2d(GRID, np.ones((3, 3)), missing="ignore"), [[45]])
    np.testing.assert_allclose(cnnfilter.conv2d(GRID, "box", missing="ignore", bias=1), [[6]])
    corner = (1 + 2 + 4) / 8  # the zeros of the padding are there
    assert cnnfilter.conv2d(GRID, "box", missing="ignore", padding="same")[0, 0] == pytest.approx(corner)
    assert np.isnan(cnnfilter.conv2d(np.full((4, 4), np.nan), "box", missing="ignore")).all()
    around = cnnfilter.conv2d(GRID, "box", missing="ignore", padding=1, padding_mode="constant:nan")
    assert around[0, 0] == pytest.approx((1 + 2 + 4) / 3)


def test_windows_without_a_gap_keep_their_bits():
    whole = np.random.default_rng(2).random((300, 400), np.float32)
    image = whole.copy()
    image[150, 200] = np.nan
    for spec in ("gaussian:sigma=3", "box", "disk:radius=8"):
        touched = np.isnan(cnnfilter.conv2d(image, spec))
        got = cnnfilter.conv2d(image, spec, missing="ignore")
        assert touched.any()
        assert not np.isnan(got).any()
        np.testing.assert_array_equal(got[~touched], cnnfilter.conv2d(whole, spec)[~touched])
        assert got.tobytes() == cnnfilter.conv2d(image, spec, missing="ignore", threads=1).tobytes()


def test_channels_that_are_summed_are_renormalised_together():
    image = np.ones((2, 3, 3))
    image[0] = np.nan
    assert cnnfilter.conv2d(image, np.full((1, 2, 3, 3), 0.5), missing="ignore").tolist() == [[[9]]]


def test_infinity_is_a_value():
    image = GRID.copy()
    image[0, 0] = np.inf
    assert cnnfilter.conv2d(image, "box", missing="ignore") == np.inf


@pytest.mark.parametrize("spec", ["sobel-x", "laplacian", "0.3333 -0.6666 0.3333"])
def test_a_kernel_that_sums_to_zero_is_refused(spec):
    with pytest.raises(ParameterError, match="cannot be renormalised"):
        cnnfilter.conv2d(np.ones((5, 5)), spec, missing="ignore")


@pytest.mark.parametrize(("kind", "expected"), [("avg", 5), ("sum", 40), ("max", 9), ("min", 1), ("lp", np.sqrt(260))])
def test_poolings_of_what_is_there(kind, expected):
    assert cnnfilter.pool2d(GRID, kind, 3, missing="ignore") == pytest.approx(expected)
    assert cnnfilter.global_pool2d(GRID, kind, missing="ignore") == pytest.approx(expected)
    assert cnnfilter.adaptive_pool2d(GRID, 1, kind, missing="ignore") == pytest.approx(expected)
    assert cnnfilter.fractional_pool2d(GRID, 3, output_size=1, kind=kind, seed=0, missing="ignore") == pytest.approx(
        expected
    )
    assert np.isnan(cnnfilter.pool2d(GRID, kind, 3)).all()
    single = cnnfilter.pool2d(GRID, kind, 1, missing="ignore")
    np.testing.assert_array_equal(np.isnan(single), np.isnan(GRID))


def test_averages_count_padding_as_they_do_without_gaps():
    got = cnnfilter.pool2d(GRID, "avg", 2, padding=1, missing="ignore")
    np.testing.assert_allclose(got, [[1 / 4, 5 / 4], [11 / 4, 23 / 3]])
    bare = cnnfilter.pool2d(GRID, "avg", 2, padding=1, count_include_pad=False, missing="ignore")
    np.testing.assert_allclose(bare, [[1, 5 / 2], [11 / 2, 23 / 3]])


def test_softmax_shares_out_among_what_is_there():
    got = cnnfilter.activate([1, np.nan, 1], "softmax", missing="ignore")
    np.testing.assert_array_equal(got, [0.5, np.nan, 0.5])
    assert np.isnan(cnnfilter.activate([1, np.nan, 1], "softmax")).all()
    np.testing.assert_allclose(
        cnnfilter.activate([0, np.nan, 0], "log-softmax", missing="ignore"), [-np.log(2), np.nan, -np.log(2)]
    )
    np.testing.assert_array_equal(cnnfilter.activate([1, np.nan, 1], "softmin", missing="ignore"), [0.5, np.nan, 0.5])


@pytest.mark.parametrize(
    "call",
    [
        lambda word: cnnfilter.conv2d(GRID, "box", missing=word),
        lambda word: cnnfilter.pool2d(GRID, "avg", 2, missing=word),
        lambda word: cnnfilter.global_pool2d(GRID, "avg", missing=word),
        lambda word: cnnfilter.activate(GRID, "relu", missing=word),
    ],
)
def test_other_words_are_refused(call):
    with pytest.raises(UnknownNameError, match="did you mean ignore"):
        call("ignor")
