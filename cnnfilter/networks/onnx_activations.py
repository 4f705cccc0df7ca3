"""Activations in ONNX: one operator each where there is one, a few where there is none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cnnfilter.core.words import check_activation
from cnnfilter.networks.onnx_graph import Graph

#: Takes the graph, the tensor, the parameters and the name of the result.
Exporter = Callable[[Graph, str, dict[str, Any], str], Any]


def export_activation(graph: Graph, name: str, parameters: dict[str, Any], taken: str, axes: int, out: str) -> None:
    """Add the nodes of an activation of a tensor with so many axes, the batch's included."""
    given = dict(parameters)
    weight = given.pop("weight", None)
    name, full = check_activation(name, given)
    if weight is not None:
        full["weight"] = weight
    full["axes"] = axes
    ACTIVATIONS[name](graph, taken, full, out)


def _plain(kind: str, **renamed: str) -> Exporter:
    """Return the exporter of an operator whose attributes are our parameters under other names."""

    def export(g: Graph, x: str, p: dict[str, Any], out: str) -> Any:
        return g.node(kind, [x], out, **{theirs: p[ours] for theirs, ours in renamed.items()})

    return export


def _fixed(kind: str, **attributes: Any) -> Exporter:
    """Return the exporter of an operator with attributes that never change."""
    return lambda g, x, p, out: g.node(kind, [x], out, **attributes)


def _clip(low: Any, high: Any) -> Exporter:
    """Return the exporter of a clip between two numbers, or two parameters by their names."""

    def export(g: Graph, x: str, p: dict[str, Any], out: str) -> Any:
        ends = [g.constant(float(p[end] if isinstance(end, str) else end)) for end in (low, high)]
        return g.node("Clip", [x, *ends], out)

    return export


def _prelu(g: Graph, x: str, p: dict[str, Any], out: str) -> Any:
    slopes = np.atleast_1d(np.asarray(p["weight"], np.float64))
    return g.node("PRelu", [x, g.constant(slopes.reshape(-1, *(1,) * (p["axes"] - 2)))], out)


def _glu(g: Graph, x: str, p: dict[str, Any], out: str) -> Any:
    first, second = g.split(x, 1)
    return g.node("Mul", [first, g.node("Sigmoid", [second])], out)


def _softplus(g: Graph, x: str, p: dict[str, Any], out: str) -> Any:
    beta = g.constant(float(p["beta"]))
    scaled = g.node("Mul", [x, beta])
    soft = g.node("Div", [g.node("Softplus", [scaled]), beta])
    return g.node("Where", [g.node("Greater", [scaled, g.constant(float(p["threshold"]))]), x, soft], out)


def _threshold(g: Graph, x: str, p: dict[str, Any], out: str) -> Any:
    above = g.node("Greater", [x, g.constant(float(p["threshold"]))])
    return g.node("Where", [above, x, g.constant(float(p["value"]))], out)


def _step(g: Graph, x: str, p: dict[str, Any], out: str) -> Any:
    above = g.node("Greater", [x, g.constant(0.0)])
    return g.node("Where", [above, g.constant(1.0), g.constant(0.0)], out)


#: How each activation is written; the names are those of `cnnfilter.core.words.ACTIVATIONS`.
ACTIVATIONS: dict[str, Exporter] = {
    "relu": _plain("Relu"),
    "leaky-relu": _plain("LeakyRelu", alpha="negative_slope"),
    "prelu": _prelu,
    "relu6": _clip(0, 6),
    "elu": _plain("Elu", alpha="alpha"),
    "selu": _plain("Selu"),
    "celu": _plain("Celu", alpha="alpha"),
    "gelu": _plain("Gelu", approximate="approximate"),
    "glu": _glu,
    "sigmoid": _plain("Sigmoid"),
    "hard-sigmoid": _fixed("HardSigmoid", alpha=1 / 6, beta=0.5),
    "log-sigmoid": lambda g, x, p, out: g.node("Neg", [g.node("Softplus", [g.node("Neg", [x])])], out),
    "tanh": _plain("Tanh"),
    "hard-tanh": _clip("min", "max"),
    "tanhshrink": lambda g, x, p, out: g.node("Sub", [x, g.node("Tanh", [x])], out),
    "softsign": _plain("Softsign"),
    "softplus": _softplus,
    "softshrink": _plain("Shrink", lambd="lambd", bias="lambd"),
    "hardshrink": _plain("Shrink", lambd="lambd"),
    "silu": lambda g, x, p, out: g.node("Mul", [x, g.node("Sigmoid", [x])], out),
    "hard-swish": _plain("HardSwish"),
    "mish": lambda g, x, p, out: g.node("Mul", [x, g.node("Tanh", [g.node("Softplus", [x])])], out),
    "threshold": _threshold,
    "step": _step,
    "abs": _plain("Abs"),
    "square": lambda g, x, p, out: g.node("Mul", [x, x], out),
    "identity": _plain("Identity"),
    "softmax": _fixed("Softmax", axis=1),
    "log-softmax": _fixed("LogSoftmax", axis=1),
    "softmin": lambda g, x, p, out: g.node("Softmax", [g.node("Neg", [x])], out, axis=1),
}
