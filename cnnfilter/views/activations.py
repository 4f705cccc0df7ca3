"""The activations as a list: how each is typed, what it computes, its derivative, and its operator in ONNX."""

from __future__ import annotations

import json
import sys
import textwrap

from cnnfilter.core.activations import ACTIVATIONS, Activation
from cnnfilter.views.terminal import terminal_width, write


def print_activations(*, json_wanted: bool) -> None:
    """Print every activation: name, other names, parameters and defaults, formula, derivative, operator in ONNX."""
    if json_wanted:
        rows = [
            {
                "name": name, "aliases": list(one.aliases), "parameters": dict(one.parameters),
                "formula": one.formula, "derivative": one.slope[0] or None, "over_axis": one.over_axis,
                "onnx": _onnx(one.onnx),
            }
            for name, one in ACTIVATIONS.items()
        ]  # fmt: skip
        sys.stdout.write(json.dumps({"activations": rows}, indent=2) + "\n")
        return
    for name, one in ACTIVATIONS.items():
        others = f", or {', '.join(one.aliases)}" if one.aliases else ""
        write(f"{_typed(name, one)}{others}")
        slope = [f"f'(x) = {one.slope[0]}"] if one.slope[0] else []
        for line in (f"f(x) = {one.formula}", *slope, f"ONNX   {_onnx(one.onnx)}"):
            write(textwrap.fill(line, terminal_width(80), initial_indent=" " * 4, subsequent_indent=" " * 11))


def _typed(name: str, one: Activation) -> str:
    """Return an activation as it is typed with its defaults.

    Examples
    --------
    >>> _typed("hard-tanh", ACTIVATIONS["hard-tanh"])
    'hard-tanh:min=-1,max=1'
    """
    values = [
        f"{key}={value:g}" if isinstance(value, float) else f"{key}={value}" for key, value in one.parameters.items()
    ]
    return f"{name}:{','.join(values)}" if values else name


def _onnx(expression: object) -> str:
    """Return an expression as it is read.

    Examples
    --------
    >>> _onnx(ACTIVATIONS["silu"].onnx), _onnx(ACTIVATIONS["elu"].onnx)
    ('Mul(x, Sigmoid(x))', 'Elu(x, alpha=alpha)')
    """
    if isinstance(expression, float):
        return f"{expression:.6g}"
    if not isinstance(expression, tuple):
        return str(expression)
    operator, *taken = expression
    names = taken.pop() if isinstance(taken[-1], dict) else {}
    words = [*map(_onnx, taken), *(f"{key}={_onnx(value)}" for key, value in names.items())]
    return f"{operator}({', '.join(words)})"
