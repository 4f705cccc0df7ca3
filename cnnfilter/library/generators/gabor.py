"""Gabor functions, in the textbook's, OpenCV's and scikit-image's conventions."""

from __future__ import annotations

import math

import numpy as np

from cnnfilter.library.generators.grid import Array, Size, direction, normal_kept, side_for, turned_axes
from cnnfilter.library.parameters import Generator, Parameter


def gabor(
    *,
    theta: float,
    wavelength: float,
    sigma: float | None,
    bandwidth: float,
    gamma: float,
    psi: float,
    size: Size | None,
    part: str,
    zero_mean: bool,
    convention: str,
) -> Array:
    """Return a Gabor function: a wave under a Gaussian.

    ``exp(-(x'^2 + gamma^2 y'^2) / 2 sigma^2) * cos(2 pi x' / wavelength + psi)`` with
    ``x' = x cos(theta) + y sin(theta)``, ``y' = -x sin(theta) + y cos(theta)``, x rightwards, y downwards.

    Parameters
    ----------
    theta
        Direction of the wave in degrees, from right towards down: at 0 the stripes are vertical.
    wavelength
        In pixels; its inverse is scikit-image's `frequency`.
    sigma
        Of the Gaussian along the wave, in pixels; None takes it from `bandwidth` in octaves:
        ``wavelength / pi * sqrt(ln 2 / 2) * (2^b + 1) / (2^b - 1)``.
    gamma
        Aspect ratio: the Gaussian across the wave has ``sigma / gamma``.
    psi
        Phase in degrees.
    size
        None takes ``2 * ceil(3 * max(sigma, sigma / gamma)) + 1``, the same for every theta; OpenCV's and
        scikit-image's conventions take their own sizes, which depend on theta.
    part
        ``real`` (cosine) or ``imaginary`` (sine).
    zero_mean
        Whether the mean is subtracted, so that flat areas give 0 (neither library does).
    convention
        ``textbook``; ``opencv``, which stores the kernel turned by 180 degrees; ``skimage``, which divides by
        ``2 pi sigma^2 / gamma``.

    References
    ----------
    .. [1] D. Gabor, "Theory of communication", Journal of the IEE 93(26), 1946.
    .. [2] J. G. Daugman, "Uncertainty relation for resolution in space, spatial frequency, and orientation
           optimized by two-dimensional visual cortical filters", JOSA A 2(7), 1985.
    """
    along = _sigma(sigma, wavelength, bandwidth)
    across = along / gamma
    shape = size or _default_size(along, across, theta, convention)
    x, y = turned_axes(shape, theta)
    envelope = np.exp(-0.5 * ((x / along) ** 2 + (y / across) ** 2))
    if convention == "skimage":
        envelope /= 2 * math.pi * along * across
    phase = 2 * math.pi * x / wavelength + math.radians(psi)
    weights = envelope * (np.cos(phase) if part == "real" else np.sin(phase))
    if zero_mean:
        weights = weights - weights.mean()
    return weights[::-1, ::-1] if convention == "opencv" else weights


def gabor_kept(
    *, wavelength: float, sigma: float | None, bandwidth: float, gamma: float, size: Size | None, **_: object
) -> float:
    """Return the share of the Gaussian inside a circle that fits `size`."""
    if size is None:
        return 1.0
    along = _sigma(sigma, wavelength, bandwidth)
    return normal_kept(min(size), along) * normal_kept(min(size), along / gamma)


def _sigma(sigma: float | None, wavelength: float, bandwidth: float) -> float:
    """Return sigma, from the bandwidth where it is not given."""
    if sigma is not None:
        return sigma
    octaves = 2**bandwidth - 1 or bandwidth * math.log(2)  # the rounding of a tiny bandwidth
    return wavelength / math.pi * math.sqrt(math.log(2) / 2) * (2**bandwidth + 1) / octaves


def _default_size(along: float, across: float, theta: float, convention: str) -> Size:
    """Return the size that holds three standard deviations."""
    side = side_for("gabor", 3 * max(along, across))
    if convention == "textbook":
        return side, side
    cosine, sine = (abs(part) for part in direction(theta))
    halves = (max(3 * across * cosine, 3 * along * sine), max(3 * along * cosine, 3 * across * sine))
    if convention == "opencv":
        rows, columns = (2 * round(half) + 1 for half in halves)
    else:
        rows, columns = (side_for("gabor", half) for half in halves)
    return rows, columns


GENERATORS: dict[str, Generator] = {
    "gabor": Generator(
        gabor,
        (
            Parameter("theta", "number", 0.0, "direction of the wave, from right towards down", unit="degrees"),
            Parameter("wavelength", "number", 8.0, "of the wave", unit="pixels", above=0),
            Parameter(
                "sigma",
                "number",
                None,
                "of the Gaussian along the wave; from the bandwidth",
                "pixels",
                above=0,
            ),
            Parameter(
                "bandwidth",
                "number",
                1.0,
                "at half height, where sigma is not given",
                "octaves",
                above=0,
                maximum=20,
            ),
            Parameter("gamma", "number", 1.0, "aspect ratio: sigma along over sigma across", above=0),
            Parameter("psi", "number", 0.0, "phase", unit="degrees"),
            Parameter("size", "odd-size", None, "n, or rows,columns; 2*ceil(3 sigma)+1", unit="pixels"),
            Parameter("part", "choice", "real", "cosine or sine", choices=("real", "imaginary")),
            Parameter("zero-mean", "flag", False, "subtract the mean, so that flat areas give 0"),
            Parameter("convention", "choice", "textbook", "whose", choices=("textbook", "opencv", "skimage")),
        ),
        gabor_kept,
    ),
}
