"""Filter images, and see what the first layers of a convolutional network see.

The names below are imported when they are first used, so that ``import cnnfilter`` and the command line's
``--help`` do not pay for NumPy.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

#: Where each public name lives.
_HOMES = {
    "conv2d": "cnnfilter.core.conv",
    "conv_transpose2d": "cnnfilter.core.transpose",
    "pool2d": "cnnfilter.core.pooling",
    "global_pool2d": "cnnfilter.core.pooling",
    "adaptive_pool2d": "cnnfilter.core.pooling",
    "fractional_pool2d": "cnnfilter.core.fractional",
    "activate": "cnnfilter.core.activations",
    "dense": "cnnfilter.core.dense",
    "load_kernel": "cnnfilter.library",
    "list_kernels": "cnnfilter.library",
    "read_image": "cnnfilter.images",
    "write_image": "cnnfilter.images",
    "CnnFilterError": "cnnfilter.errors",
}

__all__ = ["__version__", *sorted(_HOMES)]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'cnnfilter' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
