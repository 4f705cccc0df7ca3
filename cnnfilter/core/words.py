"""The words for activations: their names, parameters and formulas, and how they are typed.

Nothing here needs NumPy, so the command line can list, complete and check them before any image is read.
The functions behind the names are in `cnnfilter.core.activations`.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

from cnnfilter.errors import ParameterError, lookup

Parameters: TypeAlias = dict[str, Any]


#: An operator of ONNX, its inputs, and its attributes where it has some.
Expression: TypeAlias = tuple[Any, ...]

#: What stands for the values in an expression: all of them, and the two halves along the channels.
X, FIRST, SECOND = "x", "first half of x", "second half of x"


class Activation(NamedTuple):
    """What help, documentation and checks know about one activation.

    Parameters
    ----------
    formula
        The function in one line, x being one value.
    onnx
        The same in ONNX: an operator, what it takes (``X``, a parameter's name, a number, or another expression),
        and its attributes by name, each a parameter's name or a value.
    parameters
        Each parameter's name and default.
    aliases
        Other names for the same function.
    over_axis
        True where values along an axis act on one another (softmax), so that no cell stands alone.
    """

    formula: str
    onnx: Expression
    parameters: Mapping[str, float | str] = MappingProxyType({})
    aliases: tuple[str, ...] = ()
    over_axis: bool = False


def activation_name(name: str) -> str:
    """Return the name in `ACTIVATIONS` that `name`, in any common spelling, stands for.

    Raises
    ------
    UnknownNameError
        If no activation has that name.

    Examples
    --------
    >>> activation_name("Swish"), activation_name("leaky_relu")
    ('silu', 'leaky-relu')
    """
    word = str(name).strip().lower().replace("_", "-")
    known = {alias: official for official, facts in ACTIVATIONS.items() for alias in facts.aliases}
    known.update({official: official for official in ACTIVATIONS})
    return lookup(known, word, "activation")


def check_activation(name: str, parameters: Mapping[str, Any]) -> tuple[str, Parameters]:
    """Return the official name, and all its parameters with the defaults filled in.

    Raises
    ------
    UnknownNameError
        If the activation or one of its parameters is unknown.
    ParameterError
        If a value is of the wrong kind or outside its range.

    Examples
    --------
    >>> check_activation("hard-tanh", {"max": 2})
    ('hard-tanh', {'min': -1.0, 'max': 2})
    """
    name = activation_name(name)
    defaults = ACTIVATIONS[name].parameters
    if parameters and not defaults:
        raise ParameterError(f"{name} takes no parameters, got {', '.join(parameters)}")
    full: Parameters = dict(defaults)
    for key, value in parameters.items():
        lookup(defaults, key, f"parameter of {name}")
        if isinstance(defaults[key], str):
            lookup(dict.fromkeys(APPROXIMATIONS), str(value), f"{key} of {name}")
        elif key != "weight" and (isinstance(value, bool) or not isinstance(value, numbers.Real)):
            raise ParameterError(f"{name}: {key} must be a number, got {value!r}")
        full[key] = value
    _check_ranges(name, full)
    return name, full


def _check_ranges(name: str, values: Parameters) -> None:
    """Refuse the values for which a formula has no meaning."""
    if name == "hard-tanh" and not values["min"] <= values["max"]:
        raise ParameterError(f"hard-tanh: min must not be above max, got {values['min']} and {values['max']}")
    if name in ("softshrink", "hardshrink") and not values["lambd"] >= 0:
        raise ParameterError(f"{name}: lambd must be 0 or more, got {values['lambd']}")
    for key in ("negative_slope", "alpha", "beta", "lambd"):
        if not abs(values.get(key, 0)) <= LARGEST_PARAMETER:
            raise ParameterError(f"{name}: {key} must be a finite number that float32 holds, got {values[key]}")
    for key in ("min", "max", "threshold", "value"):
        if math.isnan(values.get(key, 0)):
            raise ParameterError(f"{name}: {key} must be a number, got {values[key]}")
    if name == "softplus" and not values["beta"] > 0:
        raise ParameterError(f"softplus: beta must be above 0, got {values['beta']}")
    if name == "celu" and not values["alpha"] != 0:
        raise ParameterError("celu: alpha must not be 0")
    if name == "celu" and abs(values["alpha"]) < SMALLEST_DIVISOR:
        raise ParameterError(f"celu: alpha must not be 0 in float32, got {values['alpha']}")


def parse_activation(text: str) -> tuple[str, Parameters]:
    """Return the name and the parameters of an activation as it is typed, ``NAME[:param=value,...]``.

    Several weights of prelu are separated by ``|``. A parameter that is not given is left out; ``axis`` is
    among the parameters where it is given.

    Raises
    ------
    UnknownNameError
        If the activation or one of its parameters is unknown.
    ParameterError
        If the text has another form, or a value is not what the parameter needs.

    Examples
    --------
    >>> parse_activation("leaky-relu:negative_slope=0.1")
    ('leaky-relu', {'negative_slope': 0.1})
    >>> parse_activation("softmax:axis=-1"), parse_activation("prelu:weight=0.1|0.2")
    (('softmax', {'axis': -1}), ('prelu', {'weight': [0.1, 0.2]}))
    """
    word, colon, rest = text.partition(":")
    name = activation_name(word)
    parameters: Parameters = {}
    for item in rest.split(",") if colon else []:
        key, equals, value = (part.strip() for part in item.partition("="))
        if not (key and equals and value):
            example = next(iter(ACTIVATIONS[name].parameters), "axis")
            raise ParameterError(f"{text!r}: {item!r} is not param=value, as in {name}:{example}=...")
        if key in parameters:
            raise ParameterError(f"{text!r} gives {key} twice")
        parameters[key] = _parse_value(name, key, value)
    check_activation(name, {key: value for key, value in parameters.items() if key != "axis"})
    if "axis" in parameters and not takes_axis(name):
        raise ParameterError(f"{name} takes no axis: it works on each value alone")
    return name, parameters


def _parse_value(name: str, key: str, text: str) -> Any:
    """Read one parameter's value: a word, a whole number for axis, a number, or several weights."""
    if isinstance(ACTIVATIONS[name].parameters.get(key), str):
        return text
    try:
        if key == "axis":
            return int(text)
        if key == "weight" and "|" in text:
            return [_number(part) for part in text.split("|")]
        return _number(text)
    except ValueError:
        raise ParameterError(f"{name}: {key} must be a number, got {text!r}") from None


def _number(text: str) -> float:
    """Read a number; NaN is none."""
    value = float(text)
    if math.isnan(value):
        raise ValueError(text)
    return value


def takes_axis(name: str) -> bool:
    """Return whether an activation has an axis: softmax and its kin, and prelu with a weight per channel."""
    return ACTIVATIONS[name].over_axis or name == "prelu"


#: The largest float32: a parameter beyond it would be infinite.
LARGEST_PARAMETER = (2 - 2**-23) * 2.0**127

#: The smallest float32 with all its digits: what is divided by must not become 0.
SMALLEST_DIVISOR = 2.0**-126

#: What becomes of a window with NaN in it.
MISSING = {
    "propagate": "a window with NaN gives NaN",
    "ignore": "NaN is a cell that is missing: weights are renormalised over what is there",
}

#: What gelu's `approximate` may be.
APPROXIMATIONS = ("none", "tanh")

#: Every activation. The defaults are PyTorch's.
ACTIVATIONS: dict[str, Activation] = {
    "relu": Activation("max(x, 0)", ("Relu", X)),
    "leaky-relu": Activation(
        "x where x > 0, else negative_slope*x",
        ("LeakyRelu", X, {"alpha": "negative_slope"}),
        {"negative_slope": 0.01},
        ("leakyrelu", "lrelu"),
    ),
    "prelu": Activation(
        "x where x > 0, else weight*x; weights: one, one per channel, or as NumPy spreads them",
        ("PRelu", X, "weight"),
        {"weight": 0.25},
    ),
    "relu6": Activation("min(max(x, 0), 6)", ("Clip", X, 0.0, 6.0)),
    "elu": Activation("x where x > 0, else alpha*(exp(x) - 1)", ("Elu", X, {"alpha": "alpha"}), {"alpha": 1.0}),
    "selu": Activation("1.0507*x where x > 0, else 1.0507*1.67326*(exp(x) - 1)", ("Selu", X)),
    "celu": Activation("x where x > 0, else alpha*(exp(x/alpha) - 1)", ("Celu", X, {"alpha": "alpha"}), {"alpha": 1.0}),
    "gelu": Activation(
        "x/2 * (1 + erf(x / sqrt(2)))", ("Gelu", X, {"approximate": "approximate"}), {"approximate": "none"}
    ),
    "glu": Activation(
        "a * sigmoid(b), a and b being the halves of x along the axis",
        ("Mul", FIRST, ("Sigmoid", SECOND)),
        over_axis=True,
    ),
    "sigmoid": Activation("1 / (1 + exp(-x))", ("Sigmoid", X), aliases=("logistic",)),
    "hard-sigmoid": Activation(
        "min(max(x + 3, 0), 6) / 6", ("HardSigmoid", X, {"alpha": 1 / 6, "beta": 0.5}), aliases=("hardsigmoid",)
    ),
    "log-sigmoid": Activation("-log(1 + exp(-x))", ("Neg", ("Softplus", ("Neg", X))), aliases=("logsigmoid",)),
    "tanh": Activation("(exp(x) - exp(-x)) / (exp(x) + exp(-x))", ("Tanh", X)),
    "hard-tanh": Activation(
        "min(max(x, min), max)", ("Clip", X, "min", "max"), {"min": -1.0, "max": 1.0}, ("hardtanh",)
    ),
    "tanhshrink": Activation("x - tanh(x)", ("Sub", X, ("Tanh", X))),
    "softsign": Activation("x / (1 + abs(x))", ("Softsign", X)),
    "softplus": Activation(
        "log(1 + exp(beta*x)) / beta, and x itself where beta*x > threshold",
        ("Where", ("Greater", ("Mul", X, "beta"), "threshold"), X, ("Div", ("Softplus", ("Mul", X, "beta")), "beta")),
        {"beta": 1.0, "threshold": 20.0},
    ),
    "softshrink": Activation(
        "x - lambd where x > lambd, x + lambd where x < -lambd, else 0",
        ("Shrink", X, {"lambd": "lambd", "bias": "lambd"}),
        {"lambd": 0.5},
    ),
    "hardshrink": Activation("x where abs(x) > lambd, else 0", ("Shrink", X, {"lambd": "lambd"}), {"lambd": 0.5}),
    "silu": Activation("x / (1 + exp(-x))", ("Mul", X, ("Sigmoid", X)), aliases=("swish",)),
    "hard-swish": Activation("x * min(max(x + 3, 0), 6) / 6", ("HardSwish", X), aliases=("hardswish",)),
    "mish": Activation("x * tanh(log(1 + exp(x)))", ("Mul", X, ("Tanh", ("Softplus", X)))),
    "threshold": Activation(
        "x where x > threshold, else value",
        ("Where", ("Greater", X, "threshold"), X, "value"),
        {"threshold": 0.0, "value": 0.0},
    ),
    "step": Activation("1 where x > 0, else 0", ("Where", ("Greater", X, 0.0), 1.0, 0.0), aliases=("heaviside",)),
    "abs": Activation("abs(x)", ("Abs", X)),
    "square": Activation("x * x", ("Mul", X, X)),
    "identity": Activation("x", ("Identity", X), aliases=("linear",)),
    "softmax": Activation("exp(x) / sum(exp(x)) along the axis", ("Softmax", X, {"axis": 1}), over_axis=True),
    "log-softmax": Activation(
        "x - log(sum(exp(x))) along the axis", ("LogSoftmax", X, {"axis": 1}), aliases=("logsoftmax",), over_axis=True
    ),
    "softmin": Activation(
        "exp(-x) / sum(exp(-x)) along the axis", ("Softmax", ("Neg", X), {"axis": 1}), over_axis=True
    ),
}
