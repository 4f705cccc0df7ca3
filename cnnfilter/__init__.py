"""Filter images, and see what the first layers of a convolutional network see.

The names below are imported when they are first used, so that ``import cnnfilter`` and the command line's
``--help`` do not pay for NumPy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cnnfilter.api import conv2d, conv_transpose2d, plan
    from cnnfilter.core.activate import activate
    from cnnfilter.core.columns import col2im, im2col
    from cnnfilter.core.dense import dense
    from cnnfilter.core.fractional import fractional_pool2d
    from cnnfilter.core.gradients.linear import conv2d_gradient, conv_transpose2d_gradient, dense_gradient
    from cnnfilter.core.gradients.pointwise import activate_gradient, cross_entropy, normalize_gradient, prelu_gradient
    from cnnfilter.core.gradients.pooling import (
        adaptive_pool2d_gradient,
        fractional_pool2d_gradient,
        global_pool2d_gradient,
        pool2d_gradient,
    )
    from cnnfilter.core.pooling import adaptive_pool2d, global_pool2d, pool2d
    from cnnfilter.core.requantize import requantize
    from cnnfilter.errors import CnnFilterError
    from cnnfilter.images import read_image, write_image
    from cnnfilter.library import list_kernels, load_kernel
    from cnnfilter.run.compare import compare
    from cnnfilter.run.draw_maps import draw_maps
    from cnnfilter.run.explain import explain
    from cnnfilter.run.learn import learn_kernel
    from cnnfilter.run.network import run_network
    from cnnfilter.run.train import train_network

__version__ = "0.1.0"

#: Where each public name lives.
_HOMES = {
    "conv2d": "cnnfilter.api",
    "conv_transpose2d": "cnnfilter.api",
    "plan": "cnnfilter.api",
    "im2col": "cnnfilter.core.columns",
    "col2im": "cnnfilter.core.columns",
    "pool2d": "cnnfilter.core.pooling",
    "global_pool2d": "cnnfilter.core.pooling",
    "adaptive_pool2d": "cnnfilter.core.pooling",
    "fractional_pool2d": "cnnfilter.core.fractional",
    "activate": "cnnfilter.core.activate",
    "dense": "cnnfilter.core.dense",
    "load_kernel": "cnnfilter.library",
    "list_kernels": "cnnfilter.library",
    "requantize": "cnnfilter.core.requantize",
    "conv2d_gradient": "cnnfilter.core.gradients.linear",
    "conv_transpose2d_gradient": "cnnfilter.core.gradients.linear",
    "dense_gradient": "cnnfilter.core.gradients.linear",
    "pool2d_gradient": "cnnfilter.core.gradients.pooling",
    "global_pool2d_gradient": "cnnfilter.core.gradients.pooling",
    "adaptive_pool2d_gradient": "cnnfilter.core.gradients.pooling",
    "fractional_pool2d_gradient": "cnnfilter.core.gradients.pooling",
    "activate_gradient": "cnnfilter.core.gradients.pointwise",
    "prelu_gradient": "cnnfilter.core.gradients.pointwise",
    "normalize_gradient": "cnnfilter.core.gradients.pointwise",
    "cross_entropy": "cnnfilter.core.gradients.pointwise",
    "explain": "cnnfilter.run.explain",
    "compare": "cnnfilter.run.compare",
    "learn_kernel": "cnnfilter.run.learn",
    "read_image": "cnnfilter.images",
    "write_image": "cnnfilter.images",
    "run_network": "cnnfilter.run.network",
    "draw_maps": "cnnfilter.run.draw_maps",
    "train_network": "cnnfilter.run.train",
    "CnnFilterError": "cnnfilter.errors",
}

__all__ = [
    "CnnFilterError",
    "__version__",
    "activate",
    "activate_gradient",
    "adaptive_pool2d",
    "adaptive_pool2d_gradient",
    "col2im",
    "compare",
    "conv2d",
    "conv2d_gradient",
    "conv_transpose2d",
    "conv_transpose2d_gradient",
    "cross_entropy",
    "dense",
    "dense_gradient",
    "draw_maps",
    "explain",
    "fractional_pool2d",
    "fractional_pool2d_gradient",
    "global_pool2d",
    "global_pool2d_gradient",
    "im2col",
    "learn_kernel",
    "list_kernels",
    "load_kernel",
    "normalize_gradient",
    "plan",
    "pool2d",
    "pool2d_gradient",
    "prelu_gradient",
    "read_image",
    "requantize",
    "run_network",
    "train_network",
    "write_image",
]


if not TYPE_CHECKING:  # a type checker sees the names above, and no others

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module 'cnnfilter' has no attribute {name!r}")
        value = getattr(importlib.import_module(_HOMES[name]), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted(__all__)
