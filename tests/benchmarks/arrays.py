"""Work on arrays: convolutions, pooling and activations against the libraries that people would take instead."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

import cnnfilter

Run = Callable[[], object]


@dataclass(frozen=True)
class Case:
    """One comparison: both sides get the same numbers and so many threads."""

    work: str
    peer: str
    threads: int
    target: float
    make: Callable[[int], tuple[Run, Run]]


def cases(megapixels: float) -> Iterator[Case]:
    """Yield the comparisons on a picture of about so many megapixels."""
    rows = round((megapixels * 1e6 * 3 / 4) ** 0.5)
    rng = np.random.default_rng(0)
    bytes_ = rng.integers(0, 256, (rows, rows * 4 // 3), np.uint8)
    floats = bytes_.astype(np.float32)
    yield from _dense(bytes_, floats, rng)
    yield from _large(floats, rng)
    yield from _banks(floats[:1000, :1000].copy(), rng)
    yield from _scipy(floats, rng)
    yield from _pooling(floats)
    yield from _activations(floats)
    yield from _layers(rng)


def _kernel(rng, size):
    return rng.standard_normal((size, size)).astype(np.float32)


def _cv2(threads: int):
    import cv2

    cv2.setNumThreads(threads)
    return cv2


def _torch(threads: int):
    import torch

    torch.set_num_threads(threads)
    return torch


def _filter2d(image, kernel):
    def make(threads):
        cv2 = _cv2(threads)
        return (
            lambda: cnnfilter.conv2d(image, kernel, threads=threads),
            lambda: cv2.filter2D(image, cv2.CV_32F, kernel),
        )

    return make


def _dense(bytes_, floats, rng):
    one = {3: 0.9, 5: 0.6, 7: 0.4, 9: 0.35}
    two = {3: 0.8, 5: 0.8, 7: 0.5, 9: 0.3}
    for threads, targets in ((1, one), (2, two)):
        for size, target in targets.items():
            make = _filter2d(bytes_, _kernel(rng, size))
            yield Case(f"8-bit gray, {size}x{size}", "OpenCV filter2D", threads, target, make)
    for size in one:
        yield Case(f"float32, {size}x{size}", "OpenCV filter2D", 1, 1.3, _filter2d(floats, _kernel(rng, size)))


def _large(floats, rng):
    def separable(threads):
        cv2 = _cv2(threads)
        column = cv2.getGaussianKernel(31, 5)
        kernel = (column @ column.T).astype(np.float32)
        return (
            lambda: cnnfilter.conv2d(floats, kernel, threads=threads),
            lambda: cv2.sepFilter2D(floats, -1, column, column),
        )

    line = np.exp(-((np.arange(31) - 15.0) ** 2) / 50)
    gauss = np.outer(line, line).astype(np.float32)
    dense = _kernel(rng, 31)
    for threads in (1, 2):
        yield Case("Gaussian 31x31", "OpenCV sepFilter2D", threads, 1.0, separable)
        yield Case("Gaussian 31x31", "OpenCV filter2D", threads, 0.4, _filter2d(floats, gauss))
        target = 1.2 if threads == 1 else 1.0
        yield Case("dense 31x31, float32", "OpenCV filter2D", threads, target, _filter2d(floats, dense))


def _banks(image, rng):
    for size in (3, 11):
        bank = rng.standard_normal((16, 1, size, size)).astype(np.float32)

        def opencv(threads, bank=bank):
            cv2 = _cv2(threads)
            return (
                lambda: cnnfilter.conv2d(image, bank, threads=threads),
                lambda: [cv2.filter2D(image, cv2.CV_32F, kernel[0]) for kernel in bank],
            )

        for threads in (1, 2):
            yield Case(f"16 filters {size}x{size}, 1 Mpixel", "OpenCV, a loop", threads, 0.6, opencv)
            yield Case(f"16 filters {size}x{size}, 1 Mpixel", "PyTorch", threads, 0.4, _torch_conv(image[None], bank))


def _torch_conv(image, bank, **options):
    def make(threads):
        torch = _torch(threads)
        tensors = torch.from_numpy(image)[None], torch.from_numpy(bank)
        return (
            lambda: cnnfilter.conv2d(image, bank, threads=threads, **options),
            lambda: torch.nn.functional.conv2d(*tensors, **options),
        )

    return make


def _scipy(floats, rng):
    image = floats[: len(floats) // 2]
    for size in (3, 9, 31):
        kernel = _kernel(rng, size)

        def make(threads, kernel=kernel, size=size):
            from scipy import ndimage, signal

            def peer():
                if size == 31:
                    return signal.oaconvolve(image, kernel, mode="valid")
                return ndimage.correlate(image, kernel, mode="constant")

            return lambda: cnnfilter.conv2d(image, kernel, threads=threads), peer

        yield Case(f"float32, {size}x{size}", "SciPy oaconvolve" if size == 31 else "scipy.ndimage", 1, 0.35, make)


def _pooling(floats):
    for kind, size, stride, target in (("max", 2, 2, 0.15), ("max", 3, 1, 0.15), ("avg", 2, 2, 0.5)):

        def make(threads, kind=kind, size=size, stride=stride):
            functional = _torch(threads).nn.functional
            tensor = _torch(threads).from_numpy(floats)[None, None]
            pool = functional.max_pool2d if kind == "max" else functional.avg_pool2d
            return (
                lambda: cnnfilter.pool2d(floats, kind, size, stride=stride, threads=threads),
                lambda: pool(tensor, size, stride),
            )

        for threads in (1, 2):
            yield Case(f"{size}x{size} {kind} pooling, stride {stride}", "PyTorch", threads, target, make)


def _activations(floats):
    values = floats / 32 - 4
    for name in ("relu", "tanh", "sigmoid", "gelu"):

        def make(threads, name=name):
            torch = _torch(threads)
            tensor = torch.from_numpy(values)
            peer = getattr(torch, name, None) or getattr(torch.nn.functional, name)
            return lambda: cnnfilter.activate(values, name, threads=threads), lambda: peer(tensor)

        for threads in (1, 2):
            yield Case(name, "PyTorch", threads, 1.0, make)


def _layers(rng):
    for channels, filters, size, stride, side in ((64, 64, 3, 1, 56), (3, 64, 7, 2, 224)):
        image = rng.standard_normal((channels, side, side)).astype(np.float32)
        bank = rng.standard_normal((filters, channels, size, size)).astype(np.float32)
        name = f"layer {channels} to {filters}, {size}x{size} stride {stride}, {side}x{side}"
        for threads in (1, 2):
            yield Case(name, "PyTorch", threads, 1.5, _torch_conv(image, bank, stride=stride, padding=size // 2))
