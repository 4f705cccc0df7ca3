"""The im2col matrix and its transpose, plans without pixels, and results in the caller's own room."""

import numpy as np
import pytest

import cnnfilter
from cnnfilter.errors import CnnFilterError

RANDOM = np.random.default_rng(14)
MODES = ("zeros", "reflect", "symmetric", "replicate", "circular")


def drawn(seed):
    """Return an image, a kernel size and how the window moves."""
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in rng.integers((1, 1, 6, 6), (4, 5, 12, 13)))[int(rng.integers(0, 3)) :]
    size = tuple(int(n) for n in rng.integers(1, 4, 2))
    pads = ((int(rng.integers(0, 3)), int(rng.integers(0, 3))), (int(rng.integers(0, 3)), int(rng.integers(0, 3))))
    how = {
        "stride": tuple(int(n) for n in rng.integers(1, 4, 2)),
        "dilation": tuple(int(n) for n in rng.integers(1, 3, 2)),
        "padding": [pads, "same", "valid", "full"][seed % 4],
        "padding_mode": MODES[seed % 5],
    }
    return rng.integers(-9, 10, shape), size, how


@pytest.mark.parametrize("seed", range(60))
def test_a_filter_bank_times_the_matrix_is_the_convolution(seed):
    image, size, how = drawn(seed)
    channels = image.shape[-3] if image.ndim > 2 else 1
    bank = np.random.default_rng(seed).integers(-5, 6, (3, channels, *size))
    maps = cnnfilter.conv2d(image, bank, **how)
    matrix = cnnfilter.im2col(image, size, **how)
    assert matrix.dtype == image.dtype
    assert (bank.reshape(3, -1) @ matrix).reshape(maps.shape).tolist() == maps.tolist()


@pytest.mark.parametrize("seed", range(60))
def test_col2im_is_the_transpose_of_im2col(seed):
    image, size, how = drawn(seed)
    matrix = cnnfilter.im2col(image, size, **how)
    columns = np.random.default_rng(seed).integers(-9, 10, matrix.shape)
    back = cnnfilter.col2im(columns, image.shape, size, **how)
    assert back.shape == image.shape
    assert int((matrix * columns).sum()) == int((image * back).sum())


@pytest.mark.parametrize("seed", range(12))
def test_the_matrices_are_those_of_pytorch(seed):
    torch = pytest.importorskip("torch")
    image, size, how = drawn(seed)
    image = image.reshape((1,) * (4 - image.ndim) + image.shape).astype(np.float32)
    pads = (seed % 3, seed % 2)
    how = {"stride": how["stride"], "dilation": how["dilation"], "padding": pads}
    wanted = torch.nn.functional.unfold(torch.from_numpy(image), size, **how)
    matrix = cnnfilter.im2col(image, size, **how)
    assert matrix.tolist() == wanted.tolist()
    folded = torch.nn.functional.fold(wanted, image.shape[2:], size, **how)
    assert cnnfilter.col2im(matrix, image.shape, size, **how).tolist() == folded.tolist()


@pytest.mark.parametrize(
    ("do", "words"),
    [
        (lambda: cnnfilter.im2col(np.zeros((4, 4)), 5), "(4 + 0 - 1*(5-1) - 1) // 1 + 1 = 0"),
        (lambda: cnnfilter.im2col(np.zeros(4), 1), "got shape (4,)"),
        (lambda: cnnfilter.im2col(np.zeros((0, 4)), 1), "the image is empty"),
        (
            lambda: cnnfilter.im2col(np.zeros((4, 4), np.uint8), 3, padding=1, padding_mode="constant:-1"),
            "uint8 holds 0 to 255",
        ),
        (lambda: cnnfilter.col2im(np.zeros((4, 5)), (3, 3), 2), "whose matrix is (4, 4)"),
        (lambda: cnnfilter.col2im(np.zeros((4, 4)), (3, 0), 2), "shape must be"),
        (lambda: cnnfilter.col2im(np.full((4, 4), 2**62), (3, 3), 2), "add up to more than int64 holds"),
        (
            lambda: cnnfilter.im2col(
                np.zeros((1, 1), np.int64), 1, padding=1, padding_mode="constant:9007199254740993"
            ),
            "floats hold all whole numbers below 2**53",
        ),
        (lambda: cnnfilter.plan((9, 9), [[1]], dtype="int32", values=(255, 0)), "smallest and the largest"),
        (lambda: cnnfilter.plan((9, 9), [[1]], dtype="int32", values=(0, 0.5)), "smallest and the largest"),
        (lambda: cnnfilter.plan((9, 9), [[1]], dtype="int32", values=(0, np.nan)), "smallest and the largest"),
    ],
)
def test_what_does_not_fit_is_said(do, words):
    with pytest.raises(CnnFilterError) as caught:
        do()
    assert words in str(caught.value)


@pytest.mark.parametrize("shape", [(20, 30), (1, 20, 30), (3, 20, 30), (2, 3, 20, 30), (2, 1, 20, 30)])
@pytest.mark.parametrize(
    "kernel",
    ["sobel-x", np.ones((3, 3)), "gaussian:sigma=1|2,size=5", ["sobel-x", "sobel-y"], "bank", "deep"],
    ids=["spec", "array", "bank-spec", "list", "filters", "deep"],
)
@pytest.mark.parametrize("dtype", [None, "float64"])
def test_a_plan_has_the_shape_of_the_result(shape, kernel, dtype):
    channels = shape[-3] if len(shape) > 2 else 1
    if isinstance(kernel, str) and kernel == "bank":
        kernel = RANDOM.normal(size=(4, channels, 3, 3))
    elif isinstance(kernel, str) and kernel == "deep":
        kernel = cnnfilter.load_kernel("sobel-x")
        kernel = type(kernel)(name="deep", spec="deep", weights=np.stack([kernel.weights] * channels))
    how = {"stride": 2, "padding": "same", "dtype": dtype}
    image = RANDOM.normal(size=shape).astype(np.float32)
    made = cnnfilter.conv2d(image, kernel, **how)
    for found in (cnnfilter.plan(shape, kernel, **how), cnnfilter.plan(image, kernel, **how)):
        assert found.shape == made.shape
        assert found.error == (1e-11 if dtype else 2e-6)
        assert found.sums is None


def test_a_plan_says_what_exact_sums_can_come_to():
    image = RANDOM.integers(0, 256, (9, 9))
    kernel = [[1, -2], [3, 0]]
    found = cnnfilter.plan(image, kernel, dtype="int32", bias=7)
    sums = cnnfilter.conv2d(image, kernel, dtype="int32", bias=7)
    assert found.sums.low <= sums.min() <= sums.max() <= found.sums.high
    assert found.error == 0
    with pytest.raises(CnnFilterError, match=r"values=\(0, 255\)"):
        cnnfilter.plan((9, 9), kernel, dtype="int32")
    assert cnnfilter.plan((9, 9), kernel, dtype="int32", values=(0, 255)).sums == (-510, 1020)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, "int32"])
@pytest.mark.parametrize("layout", ["CHW", "HWC"])
def test_a_result_is_written_into_the_callers_room(dtype, layout):
    image = RANDOM.integers(0, 256, (3, 40, 50))
    image = np.ascontiguousarray(np.moveaxis(image, 0, -1)) if layout == "HWC" else image
    how = {"padding": "same", "layout": layout, "dtype": dtype}
    for kernel in ("sharpen", np.ones((3, 3))):
        wanted = cnnfilter.conv2d(image, kernel, **how)
        for room in (np.empty_like(wanted), np.empty(wanted.shape[::-1], dtype).T):
            assert cnnfilter.conv2d(image, kernel, out=room, **how) is room
            assert room.tolist() == wanted.tolist()
    same = image.astype(dtype)
    wanted = cnnfilter.conv2d(same, np.ones((3, 3)), **how)
    assert cnnfilter.conv2d(same, np.ones((3, 3)), out=same, **how) is same  # the image itself
    assert same.tolist() == wanted.tolist()


@pytest.mark.parametrize(
    ("room", "words"),
    [
        (np.zeros((3, 3), np.float32), "the result (2, 2)"),
        (np.zeros((2, 2), np.int64), "the result float32"),
        (np.broadcast_to(np.float32(0), (2, 2)), "read-only"),
        ([[0, 0], [0, 0]], "must be a NumPy array"),
    ],
)
@pytest.mark.parametrize("kernel", [np.ones((2, 2)), "1 1; 1 1"])
def test_room_that_does_not_fit_is_refused(room, words, kernel):
    with pytest.raises(CnnFilterError) as caught:
        cnnfilter.conv2d(np.zeros((3, 3)), kernel, out=room, dtype="float32")
    assert words in str(caught.value)


def test_arrays_that_only_speak_dlpack():
    class Bridged:
        """What another library's array shows of itself."""

        def __init__(self, array):
            self.array = array

        def __dlpack__(self, **how):
            return self.array.__dlpack__(**how)

        def __dlpack_device__(self):
            return self.array.__dlpack_device__()

    image = RANDOM.normal(size=(5, 6)).astype(np.float32)
    assert cnnfilter.conv2d(Bridged(image), "sobel-x").tolist() == cnnfilter.conv2d(image, "sobel-x").tolist()
