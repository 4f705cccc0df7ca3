"""Networks: a network file or an ONNX model, to every layer's output.

File to checked spec (`load`), spec to a plan of shapes in integers (`plan`), arrays through the layers (`run`), frozen
results (`results`). The names below are imported when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cnnfilter.networks.load import load_network
    from cnnfilter.networks.plan import NetworkPlan, plan_network
    from cnnfilter.networks.run import run_layers
    from cnnfilter.networks.spec import Network

_HOMES = {
    "Network": "spec",
    "NetworkPlan": "plan",
    "load_network": "load",
    "plan_network": "plan",
    "run_layers": "run",
}

__all__ = ["Network", "NetworkPlan", "load_network", "plan_network", "run_layers"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'cnnfilter.networks' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"cnnfilter.networks.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
