"""Activations in ONNX: the expression of each, a node for each of its operators."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnnfilter.core.words import ACTIVATIONS, FIRST, SECOND, Expression, X, check_activation
from cnnfilter.networks.onnx_graph import Graph


def export_activation(graph: Graph, name: str, parameters: dict[str, Any], taken: str, axes: int, out: str) -> None:
    """Add the nodes of an activation of a tensor with so many axes, the batch's included."""
    given = dict(parameters)
    weight = given.pop("weight", None)
    name, full = check_activation(name, given)
    known: dict[Any, str] = {X: taken}
    if weight is not None or "weight" in full:
        slopes = np.atleast_1d(np.asarray(full["weight"] if weight is None else weight, np.float64))
        full["weight"] = slopes.reshape(-1, *(1,) * (axes - 2))
    _add(graph, ACTIVATIONS[name].onnx, full, known, out)


def _add(graph: Graph, expression: Expression, parameters: dict[str, Any], known: dict[Any, str], out: str = "") -> str:
    """Add an expression; return the name of its result. `known` holds the names of what has been added already."""
    operator, *taken = expression
    names = taken.pop() if isinstance(taken[-1], dict) else {}
    attributes = {key: _value(parameters, value) for key, value in names.items()}
    inputs = [_input(graph, one, parameters, known) for one in taken]
    return graph.node(operator, inputs, out, **attributes)


def _input(graph: Graph, one: Any, parameters: dict[str, Any], known: dict[Any, str]) -> str:
    """Return the name of what an operator takes: the values, a half of them, a constant, or another result."""
    if one in (FIRST, SECOND) and FIRST not in known:
        known[FIRST], known[SECOND] = graph.split(known[X], 1)
    if one not in known:
        made = isinstance(one, tuple)
        known[one] = _add(graph, one, parameters, known) if made else graph.constant(_value(parameters, one))
    return known[one]


def _value(parameters: dict[str, Any], word: Any) -> Any:
    """Return a parameter's value, numbers with a point; what is no parameter's name stands for itself."""
    value = parameters[word] if isinstance(word, str) and word in parameters else word
    return float(value) if word is not value and isinstance(value, int | float) else value
