"""The Leung-Malik, MR8 and Schmid banks against their published definitions, written here a second time."""

from __future__ import annotations

import numpy as np
import pytest

from cnnfilter.library import load_kernels

HALF = 24
X, Y = np.meshgrid(np.arange(-HALF, HALF + 1.0), np.arange(HALF, -HALF - 1.0, -1))  # y upwards, as published
R2 = X * X + Y * Y


def balanced(weights):
    weights = weights - weights.mean()
    return weights / np.abs(weights).sum()


def oriented(sigma, order, turn):
    angle = np.pi * turn / 6
    along, across = np.cos(angle) * X - np.sin(angle) * Y, np.sin(angle) * X + np.cos(angle) * Y
    variance = sigma * sigma
    gaussian = np.exp(-(across**2) / (2 * variance)) / np.sqrt(2 * np.pi * variance)
    profile = -gaussian * across / variance if order == 1 else gaussian * (across**2 - variance) / variance**2
    return balanced(np.exp(-(along**2) / (2 * 9 * variance)) * profile)


def gaussian(sigma):
    return balanced(np.exp(-R2 / (2 * sigma * sigma)))


def spot(sigma):
    blur = np.exp(-R2 / (2 * sigma * sigma))
    return balanced(blur / blur.sum() * (R2 - 2 * sigma * sigma) / sigma**4)


def schmid(sigma, tau):
    r = np.sqrt(R2)
    return balanced(np.cos(np.pi * tau * r / sigma) * np.exp(-r * r / (2 * sigma * sigma)))


ROOT = np.sqrt(2)
LEUNG_MALIK = [
    *(oriented(sigma, order, turn) for order in (1, 2) for sigma in (ROOT, 2, 2 * ROOT) for turn in range(6)),
    *(gaussian(sigma) for sigma in (ROOT, 2, 2 * ROOT, 4)),
    *(spot(sigma) for sigma in (ROOT, 2, 2 * ROOT, 4, 3 * ROOT, 6, 6 * ROOT, 12)),
]
MR8 = [
    *(oriented(sigma, order, turn) for order in (1, 2) for sigma in (1, 2, 4) for turn in range(6)),
    gaussian(10),
    spot(10),
]
SCHMID = [
    schmid(sigma, tau)
    for sigma, tau in (
        (2, 1),
        (4, 1),
        (4, 2),
        (6, 1),
        (6, 2),
        (6, 3),
        (8, 1),
        (8, 2),
        (8, 3),
        (10, 1),
        (10, 2),
        (10, 3),
        (10, 4),
    )
]


@pytest.mark.parametrize(("bank", "published"), [("leung-malik", LEUNG_MALIK), ("mr8", MR8), ("schmid", SCHMID)])
def test_bank(bank, published):
    kernels = load_kernels(f"bank:{bank}")
    assert len(kernels) == len(published)
    for kernel, wanted in zip(kernels, published, strict=True):
        np.testing.assert_allclose(
            kernel.weights, wanted, atol=1e-12 + 1e-9 * np.abs(wanted).max(), err_msg=kernel.name
        )
