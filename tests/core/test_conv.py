"""conv2d against the naive loop: every engine, every option."""

import itertools
import multiprocessing

import numpy as np
import oracle
import pytest

import cnnfilter
from cnnfilter.core.conv import ENGINES, conv2d
from cnnfilter.core.plan import ENGINE_NAMES
from cnnfilter.core.separable import factor
from cnnfilter.errors import CnnFilterError, ParameterError, ShapeError, UnknownNameError

MODES = ["zeros", "reflect", "symmetric", "replicate", "circular", "constant:2.5"]


def assert_close(got, expected, absolute, dtype=np.float32):
    """Within 2e-6 of each cell's sum of absolute products in float32, 1e-13 of the largest one in float64."""
    assert got.shape == expected.shape
    assert got.dtype == dtype
    bound = 2e-6 * absolute if dtype == np.float32 else 0
    excess = np.abs(got - expected) - bound - 1e-13 * absolute.max()
    assert excess.max() <= 0, f"off by {np.abs(got - expected).max()}"


def random_case(seed):
    """Sizes and options of one random convolution, all axes different where they can be."""
    rng = np.random.default_rng(seed)
    groups = int(rng.choice([1, 1, 1, 2, 3]))
    depth, per_group = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    kernel = tuple(int(k) for k in rng.integers(1, 6, 2))
    dilation = tuple(int(d) for d in rng.choice([1, 1, 1, 2, 3], 2))
    stride = tuple(int(s) for s in rng.choice([1, 1, 1, 2, 3], 2))
    pads = tuple(tuple(int(p) for p in rng.integers(0, 4, 2)) for _ in range(2))
    size = tuple(int(rng.integers(d * (k - 1) + 1, 16)) for d, k in zip(dilation, kernel, strict=True))
    mode = MODES[int(rng.integers(len(MODES)))]
    shape = (int(rng.integers(1, 4)), groups * depth, *size)
    return {
        "image": rng.standard_normal(shape),
        "kernel": rng.standard_normal((groups * per_group, depth, *kernel)),
        "bias": rng.standard_normal(groups * per_group) if rng.random() < 0.5 else None,
        "stride": stride,
        "padding": pads,
        "padding_mode": mode,
        "dilation": dilation,
        "groups": groups,
        "flip": bool(rng.random() < 0.3),
    }


def expected_of(case):
    options = {k: v for k, v in case.items() if k not in ("image", "kernel", "padding", "padding_mode")}
    mode, _, value = case["padding_mode"].partition(":")
    return oracle.naive_conv2d(
        case["image"],
        case["kernel"],
        pads=case["padding"],
        border_mode=mode,
        border_value=float(value or 0),
        **options,
    )


@pytest.mark.parametrize("seed", range(150))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_engine_equals_the_naive_loop(seed, dtype):
    case = random_case(seed)
    case["image"] = case["image"].astype(dtype)
    case["kernel"] = case["kernel"].astype(dtype)
    expected, absolute = expected_of(case)
    able = 0
    for engine in ENGINES:
        try:
            got = conv2d(**case, engine=engine)
        except ParameterError as error:
            assert "engine" in str(error)  # noqa: PT017 - some engines refuse some cases, and say so
            continue
        able += 1
        assert_close(got, expected, absolute, dtype)
    assert able >= 1
    assert_close(conv2d(**case), expected, absolute, dtype)


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (1, 9), (9, 1), (2, 3), (4, 4), (40, 35)])
@pytest.mark.parametrize("kernel", [(1, 1), (1, 3), (3, 1), (2, 2), (3, 3), (4, 6), (7, 7)])
@pytest.mark.parametrize("engine", ENGINES)
def test_odd_sizes(rows, columns, kernel, engine):
    rng = np.random.default_rng(rows * 100 + columns)
    image, weights = rng.standard_normal((rows, columns)), rng.standard_normal(kernel)
    got = conv2d(image, weights, padding="full", padding_mode="replicate", engine=engine)
    pads = tuple((k - 1, k - 1) for k in kernel)
    expected, absolute = oracle.naive_conv2d(image[None, None], weights[None, None], pads=pads, border_mode="replicate")
    assert_close(got, expected[0, 0], absolute[0, 0], np.float64)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_kernel_of_zeros_gives_zeros(engine):
    assert not conv2d(np.ones((20, 30)), np.zeros((5, 5)), engine=engine).any()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("size", [(300, 400), (97, 1031)])
@pytest.mark.parametrize("kernel", [(3, 3), (9, 8), (31, 31)])
def test_results_do_not_depend_on_threads(engine, size, kernel):
    rng = np.random.default_rng(5)
    image = rng.integers(0, 256, size, np.uint8)
    weights = rng.standard_normal((3, 1, *kernel))
    one, two, five = (conv2d(image, weights, padding="same", engine=engine, threads=threads) for threads in (1, 2, 5))
    assert one.tobytes() == two.tobytes() == five.tobytes()


@pytest.mark.parametrize(("engine", "other"), list(itertools.pairwise(ENGINES)))
def test_engines_agree_on_a_picture_of_many_strips(engine, other):
    rng = np.random.default_rng(6)
    image = rng.random((700, 900), np.float32)
    weights = rng.standard_normal((2, 1, 11, 9))
    a = conv2d(image, weights, padding="same", padding_mode="reflect", engine=engine)
    b = conv2d(image, weights, padding="same", padding_mode="reflect", engine=other)
    total = conv2d(np.abs(image).astype(float), np.abs(weights), padding="same", padding_mode="reflect")
    assert (np.abs(a - b) <= 4e-6 * total).all()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "prepare",
    [
        lambda a: a[::-1, ::2],
        lambda a: np.asfortranarray(a),
        lambda a: a.T.copy().T,
        lambda a: a.astype(">f4"),
        lambda a: a.astype(np.int16),
        lambda a: a.astype(np.uint8),
        lambda a: a > 5,
        lambda a: a.astype(np.float16),
        lambda a: a.astype(">u2"),
        lambda a: np.broadcast_to(a[:1], a.shape),
    ],
)
def test_any_real_input(engine, prepare):
    image = prepare((np.arange(24 * 34).reshape(24, 34) * 7 % 11).astype(np.float32))
    image.flags.writeable = False
    weights = np.random.default_rng(7).standard_normal((3, 3))
    expected, absolute = oracle.naive_conv2d(image[None, None].astype(float), weights[None, None])
    assert_close(conv2d(image, weights, engine=engine), expected[0, 0], absolute[0, 0])


def test_shapes_follow_the_image():
    bank = np.ones((4, 1, 3, 3))
    assert conv2d(np.ones((5, 6)), np.ones((3, 3))).shape == (3, 4)
    assert conv2d(np.ones((2, 5, 6)), np.ones((3, 3))).shape == (2, 3, 4)
    assert conv2d(np.ones((7, 2, 5, 6)), np.ones((3, 3))).shape == (7, 2, 3, 4)
    assert conv2d(np.ones((5, 6)), bank).shape == (4, 3, 4)
    assert conv2d(np.ones((1, 5, 6)), bank).shape == (4, 3, 4)
    assert conv2d(np.ones((7, 1, 5, 6)), bank).shape == (7, 4, 3, 4)


def test_a_flat_kernel_filters_each_channel_by_itself():
    image = np.arange(2 * 5 * 6).reshape(2, 5, 6)
    both = conv2d(image, np.eye(3))
    assert np.array_equal(both[1], conv2d(image[1], np.eye(3)))


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"kernel": np.ones((7, 7))}, ShapeError, r"\(5 \+ 0 - 1\*\(7-1\) - 1\) // 1 \+ 1 = -1"),
        ({"kernel": np.ones((2, 2, 3, 3))}, ShapeError, "kernel has 2 channels, the image 1"),
        ({"kernel": np.ones((3, 3, 3))}, ShapeError, r"kernel must be \(kH, kW\)"),
        ({"kernel": np.ones((0, 3))}, ShapeError, "the kernel is empty"),
        ({"image": np.ones((0, 5))}, ShapeError, "the image is empty"),
        ({"image": np.ones(5)}, ShapeError, "image must be"),
        ({"image": [[1, 2], [3]]}, ShapeError, "ragged"),
        ({"image": [["a"]]}, ParameterError, "real numbers"),
        ({"image": np.ones((5, 5), complex)}, ParameterError, "real numbers"),
        ({"stride": 0}, ParameterError, "stride must be at least 1"),
        ({"stride": 1.5}, ParameterError, "stride 1.5 is not a whole number"),
        ({"dilation": "x"}, ParameterError, "dilation 'x'"),
        ({"padding": -1}, ParameterError, "padding must be 0 or more"),
        ({"padding": "sane"}, UnknownNameError, "did you mean same"),
        ({"padding": (1, 2, 3)}, ParameterError, "padding takes 1, 2 or 4"),
        ({"padding_mode": "mirorr"}, UnknownNameError, "did you mean mirror"),
        ({"padding_mode": "constant"}, ParameterError, "constant:7"),
        ({"groups": 0}, ParameterError, "groups must be"),
        ({"groups": 2}, ShapeError, "groups=2"),
        ({"bias": [1, 2]}, ShapeError, "bias must be one number"),
        ({"engine": "fftt"}, UnknownNameError, "did you mean fft"),
        ({"engine": "fft", "stride": 2}, ParameterError, "engine fft cannot do this: stride 2,2"),
        ({"engine": "separable", "dilation": 2}, ParameterError, "dilation 2,2 is not 1"),
        ({"threads": 0}, ParameterError, "threads must be"),
        ({"threads": -3}, ParameterError, "threads must be"),
    ],
)
def test_bad_arguments(options, error, words):
    arguments = {"image": np.ones((5, 5)), "kernel": np.ones((3, 3))} | options
    with pytest.raises(error, match=words):
        conv2d(**arguments)
    with pytest.raises(CnnFilterError):
        cnnfilter.conv2d(**arguments)


def test_the_tables_agree():
    assert set(ENGINES) == set(ENGINE_NAMES)


def _in_child(queue):
    queue.put(float(conv2d(np.ones((600, 600), np.float32), np.ones((5, 5)), threads=2).sum()))


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_process_computes_too():
    expected = float(conv2d(np.ones((600, 600), np.float32), np.ones((5, 5)), threads=2).sum())
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_in_child, args=(queue,))
    child.start()
    try:
        assert queue.get(timeout=60) == expected
    finally:
        child.kill()
        child.join()


def test_nan_and_infinity_pass_through_without_a_warning():
    image = np.ones((40, 50), np.float32)
    image[20, 20], image[5, 5] = np.nan, np.inf
    for engine in ("im2col", "banded", "separable"):
        maps = conv2d(image, [[1, 2, 1]] * 3, engine=engine)
        assert np.isnan(maps[19, 19])
        assert maps[30, 30] == 12


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kernel", [np.ones((3, 3)), np.outer(range(1, 10), range(1, 10)), np.ones((31, 31))])
@pytest.mark.parametrize("engine", ["auto", *ENGINES])
def test_what_is_not_finite_stays_in_its_windows(bad, kernel, engine):
    image = np.ones((90, 100), np.float32)
    image[40, 50] = bad
    got = conv2d(image, kernel, engine=engine)
    touched = np.zeros(got.shape, bool)
    rows, columns = kernel.shape
    touched[max(0, 41 - rows) : 41, max(0, 51 - columns) : 51] = True
    assert np.array_equal(~np.isfinite(got), touched)
    np.testing.assert_allclose(got[~touched], kernel.sum(), rtol=1e-5)


def test_a_kernel_that_is_not_finite():
    weights = np.ones((7, 7))
    weights[3, 3] = np.nan
    assert np.isnan(conv2d(np.ones((100, 100)), weights)).all()
    with pytest.raises(ParameterError, match="the kernel holds NaN"):
        conv2d(np.ones((100, 100)), weights, engine="fft")


def test_a_small_weight_beside_a_huge_one_counts():
    weights = np.ones((15, 15), np.float32)
    weights[0, 0] = 3e8
    image = np.random.default_rng(1).random((200, 200), np.float32)
    image[:100] = 0
    np.testing.assert_allclose(conv2d(image, weights), conv2d(image, weights, engine="im2col"), rtol=1e-5)


def test_big_endian_float64_stays_float64():
    assert conv2d(np.ones((5, 5), ">f8"), np.ones((3, 3))).dtype == np.float64


@pytest.mark.parametrize("padding", [np.int64(1), np.array([1, 1]), ((1, 1), (1, 1)), [1, 1, 1, 1], "1", "same"])
def test_paddings_of_any_kind(padding):
    assert conv2d(np.ones((5, 6)), np.ones((3, 3)), padding=padding).shape == (5, 6)


@pytest.mark.parametrize("padding", [((1, 2), 3), b"same", None, 1.5, ((1, 2),), "1,2,3"])
def test_paddings_that_mean_nothing(padding):
    with pytest.raises(CnnFilterError):
        conv2d(np.ones((5, 6)), np.ones((3, 3)), padding=padding)


@pytest.mark.parametrize("kernel", [(1, 2), (2, 2), (4, 3), (5, 4), (3, 3)])
@pytest.mark.parametrize("size", [(9, 12), (8, 7)])
def test_a_flip_takes_the_middle_of_an_even_kernel_along(kernel, size):
    rng = np.random.default_rng(kernel[0] * 10 + kernel[1])
    image, weights = rng.standard_normal(size), rng.standard_normal(kernel)
    signal = pytest.importorskip("scipy.signal")
    got = conv2d(image, weights, flip=True, padding="same")
    np.testing.assert_allclose(got, signal.convolve2d(image, weights, mode="same"), atol=1e-12)
    got = conv2d(image[:1], weights[:1], flip=True, padding="same")
    np.testing.assert_allclose(got[0], np.convolve(image[0], weights[0], mode="same"), atol=1e-12)


def test_a_kernel_far_larger_than_its_image_is_quick_and_exact():
    """An outer product is seen without a decomposition, which would take a minute for these 16 million weights."""
    image = np.arange(81, dtype=np.float64).reshape(9, 9)
    column, row = np.linspace(1, 2, 2001), np.linspace(-1, 1, 1801)
    found = cnnfilter.conv2d(image, np.outer(column, row), padding="same")
    expected = np.empty((9, 9))
    for y, x in np.ndindex(9, 9):  # the window's middle lies on the cell
        expected[y, x] = column[1000 - y : 1009 - y] @ image @ row[900 - x : 909 - x]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_factors_are_those_of_the_kernel(seed):
    rng = np.random.default_rng(seed)
    column, row = (rng.integers(-3, 4, size=count).astype(float) for count in rng.integers(2, 400, size=2))
    plane = np.outer(column, row)
    u, v = factor(plane)
    assert len(v) == 1
    np.testing.assert_array_equal(u @ v, plane)
    plane[-1, -1] += 1e-3
    u, v = factor(plane)
    np.testing.assert_allclose(u @ v, plane, rtol=1e-14, atol=0)
