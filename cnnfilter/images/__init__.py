"""Image files to arrays and back."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cnnfilter.images.picture import Picture
    from cnnfilter.images.read import open_picture, read_image
    from cnnfilter.images.write import write_image

_HOMES = {
    "Picture": "cnnfilter.images.picture",
    "open_picture": "cnnfilter.images.read",
    "read_image": "cnnfilter.images.read",
    "write_image": "cnnfilter.images.write",
}

__all__ = ["Picture", "open_picture", "read_image", "write_image"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'cnnfilter.images' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
