"""Every kind of layer, a file each: its entry in a network file, its check, plan, run and ONNX export.

A new kind is a new file here: an entry, a `Layer` that it loads, and nothing anywhere else.
"""

from __future__ import annotations

import importlib
import pkgutil

from cnnfilter.networks.layers.base import LayerEntry


def _kinds() -> dict[str, type[LayerEntry]]:
    """Return the entries of all files of this folder, by the kind that they stand for."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return {entry.kind(): entry for entry in sorted(LayerEntry.__subclasses__(), key=lambda entry: entry.kind())}


#: Every kind of layer, and what its entry may hold.
LAYER_KINDS = _kinds()
