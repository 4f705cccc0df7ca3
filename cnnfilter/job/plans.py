"""Plans without pixels: what a convolution of this size would do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnnfilter.core.conv import plan_source
from cnnfilter.core.plan import Plan
from cnnfilter.job.maps import as_bank, sums_channels
from cnnfilter.job.options import Options
from cnnfilter.library.kernel import Kernel


class NoPixels:
    """A source that has a size and nothing else."""

    def rows(self, first: int, last: int, start: int, stop: int) -> np.ndarray[Any, np.dtype[Any]]:
        """Refuse: a plan never reads."""
        raise AssertionError("a plan reads no pixels")


def plan_kernels(kernels: Sequence[Kernel], shape: tuple[int, int, int], options: Options) -> list[tuple[Kernel, Plan]]:
    """Return the plan of each kernel for an image of shape ``(C, H, W)``."""
    colors = 1 if options.channels == "gray" else shape[0]
    whole = (1, colors, *shape[1:])
    plans = []
    for kernel in kernels:
        groups = 1 if sums_channels(kernel.weights, options) else colors
        bank = as_bank(kernel.weights, colors, options)
        job = plan_source(NoPixels(), whole, bank, np.dtype(options.dtype), groups=groups, **options.convolution())
        plans.append((kernel, job.plan))
    return plans
