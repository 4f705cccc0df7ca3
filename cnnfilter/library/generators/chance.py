"""Random weights, as a network has them before training."""

from __future__ import annotations

import math

import numpy as np

from cnnfilter.errors import ParameterError
from cnnfilter.library.generators.grid import Array, Size
from cnnfilter.library.numbers import MAX_WEIGHTS
from cnnfilter.library.parameters import Generator, Parameter


def random(*, distribution: str, size: Size, channels: int, filters: int, width: float, seed: int) -> Array:
    """Return seeded random weights, ``(rows, columns)``, or ``(channels, rows, columns)`` for more than one channel.

    Parameters
    ----------
    distribution
        ``he``: normal with variance ``2 / fan_in``; ``he-uniform``: within ``sqrt(6 / fan_in)``; ``xavier``: within
        ``sqrt(6 / (fan_in + fan_out))``; ``xavier-normal``: normal with variance ``2 / (fan_in + fan_out)``;
        ``lecun``: normal with variance ``1 / fan_in``; ``uniform``: within `width`; ``normal``: with standard
        deviation `width`.
    size, channels, filters
        ``fan_in = rows * columns * channels``, ``fan_out = rows * columns * filters``.
    seed
        The same seed gives the same weights, on every machine.

    References
    ----------
    .. [1] K. He, X. Zhang, S. Ren and J. Sun, "Delving deep into rectifiers", ICCV 2015.
    .. [2] X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks",
           AISTATS 2010.
    """
    shape = size if channels == 1 else (channels, *size)
    if math.prod(shape) > MAX_WEIGHTS:
        raise ParameterError(f"random: {math.prod(shape):,} weights, more than {MAX_WEIGHTS:,} (use a smaller size)")
    fan_in, fan_out = size[0] * size[1] * channels, size[0] * size[1] * filters
    kind, spread = {
        "he": ("normal", math.sqrt(2 / fan_in)),
        "he-uniform": ("uniform", math.sqrt(6 / fan_in)),
        "xavier": ("uniform", math.sqrt(6 / (fan_in + fan_out))),
        "xavier-normal": ("normal", math.sqrt(2 / (fan_in + fan_out))),
        "lecun": ("normal", math.sqrt(1 / fan_in)),
        "uniform": ("uniform", width),
        "normal": ("normal", width),
    }[distribution]
    # The bit generator's raw stream is fixed by NumPy's policy; Generator's distributions are not.
    stream = np.random.PCG64(seed)
    draws = (stream.random_raw(2 * math.prod(shape)) >> np.uint64(11)).astype(np.float64) * 2.0**-53  # [0, 1)
    first, second = draws[0::2].reshape(shape), draws[1::2].reshape(shape)
    if kind == "uniform":
        return (2 * first - 1) * spread
    weights: Array = np.sqrt(-2 * np.log1p(-first)) * np.cos(2 * np.pi * second) * spread  # Box and Muller, 1958
    return weights


_DISTRIBUTIONS = ("he", "he-uniform", "xavier", "xavier-normal", "lecun", "uniform", "normal")

GENERATORS: dict[str, Generator] = {
    "random": Generator(
        random,
        (
            Parameter("distribution", "choice", "he", "which", choices=_DISTRIBUTIONS),
            Parameter("size", "size", (3, 3), "n, or rows,columns", unit="pixels"),
            Parameter("channels", "whole", 1, "of the picture that it filters", minimum=1, maximum=65536),
            Parameter("filters", "whole", 1, "of its layer, for xavier", minimum=1, maximum=65536),
            Parameter("width", "number", 1.0, "bound of uniform, deviation of normal", above=0),
            Parameter("seed", "whole", 0, "the same seed, the same weights", minimum=0, maximum=2**53),
        ),
    ),
}
