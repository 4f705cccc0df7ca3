"""Filter images, and see what the first layers of a convolutional network see.

The names below are imported when they are first used, so that ``import cnnfilter`` and the command line's
``--help`` do not pay for NumPy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cnnfilter.api import conv2d, conv_transpose2d
    from cnnfilter.core.activate import activate
    from cnnfilter.core.dense import dense
    from cnnfilter.core.fractional import fractional_pool2d
    from cnnfilter.core.pooling import adaptive_pool2d, global_pool2d, pool2d
    from cnnfilter.errors import CnnFilterError
    from cnnfilter.images import read_image, write_image
    from cnnfilter.library import list_kernels, load_kernel
    from cnnfilter.run.network import run_network

__version__ = "0.1.0"

#: Where each public name lives.
_HOMES = {
    "conv2d": "cnnfilter.api",
    "conv_transpose2d": "cnnfilter.api",
    "pool2d": "cnnfilter.core.pooling",
    "global_pool2d": "cnnfilter.core.pooling",
    "adaptive_pool2d": "cnnfilter.core.pooling",
    "fractional_pool2d": "cnnfilter.core.fractional",
    "activate": "cnnfilter.core.activate",
    "dense": "cnnfilter.core.dense",
    "load_kernel": "cnnfilter.library",
    "list_kernels": "cnnfilter.library",
    "read_image": "cnnfilter.images",
    "write_image": "cnnfilter.images",
    "run_network": "cnnfilter.run.network",
    "CnnFilterError": "cnnfilter.errors",
}

__all__ = [
    "CnnFilterError",
    "__version__",
    "activate",
    "adaptive_pool2d",
    "conv2d",
    "conv_transpose2d",
    "dense",
    "fractional_pool2d",
    "global_pool2d",
    "list_kernels",
    "load_kernel",
    "pool2d",
    "read_image",
    "run_network",
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
