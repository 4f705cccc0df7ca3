"""Every activation: its function from one block to another, and all that is known of it, in one place each.

A function has the signature ``function(x, out, spare, *, parameters)``: `x` is read, `out` gets the result, `spare` is
for whatever is needed in between. All three are float32 or float64 arrays of one shape, small enough for the cache, and
none overlaps another. So nothing is allocated, and three things that are slow in NumPy are avoided: fresh memory;
`maximum` and `minimum` with a scalar, which are vectorised for two arrays only; and masks, which cost a branch for
each value. Floating-point warnings are off meanwhile; the formulas are arranged so that an overflow ends in the
right limit. Those along an axis get blocks ``(outer, axis, inner)`` with the whole axis in the middle.

A new activation is a function here with its row above it: commands, networks, help, completion and ONNX know it then.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from cnnfilter.core.arrays import Array
from cnnfilter.core.special import (
    ERF_AS_TANH,
    below,
    erf,
    erfc_tail,
    keep,
    largest_power,
    log1p_exp_of_minus_abs,
    logistic,
    polynomial,
    split,
)

#: gelu's ``erf(x / sqrt(2))`` as ``tanh(x * P(x**2))``: the same polynomial, with the root of 2 taken in.
GELU_AS_TANH = tuple(c * math.sqrt(0.5) * 0.5**power for power, c in enumerate(ERF_AS_TANH))
#: The cubic of Hendrycks and Gimpel (2016), which PyTorch calls ``approximate="tanh"``.
GELU_CUBIC = (math.sqrt(2 / math.pi), math.sqrt(2 / math.pi) * 0.044715)
#: Where float64 gelu is taken from the complementary error function: 1 + erf has lost digits there, float32 not.
GELU_TAIL = -1.0
#: ``(x - tanh(x)) / x**3`` in powers of x**2, and up to where it is used, by the bytes of a value.
TANH_SERIES = (1 / 3, -2 / 15, 17 / 315, -62 / 2835, 1382 / 155925)
TANH_NEAR = {4: 0.25, 8: 0.03}
#: The fixed point of mean 0 and variance 1 (Klambauer and others, 2017, arXiv:1706.02515).
SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805

Function: TypeAlias = Callable[..., None]

#: An operator of ONNX, its inputs, and its attributes where it has some.
Expression: TypeAlias = tuple[Any, ...]

#: What stands for the values in an expression: all of them, and the two halves along the channels.
X, FIRST, SECOND = "x", "first half of x", "second half of x"


class Activation(NamedTuple):
    """All that is known of one activation.

    Parameters
    ----------
    function
        ``function(x, out, spare, *, parameters)``.
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
    slope
        The derivative in one line, and its function ``slope(x, **parameters)``, where each cell stands alone.
    """

    function: Function
    formula: str
    onnx: Expression
    parameters: Mapping[str, float | str] = MappingProxyType({})
    aliases: tuple[str, ...] = ()
    over_axis: bool = False
    slope: tuple[str, Callable[..., Any]] = ("", np.ones_like)


#: Every activation by its name. The defaults are PyTorch's.
ACTIVATIONS: dict[str, Activation] = {}


def _activation(
    name: str, formula: str, onnx: Expression, *, aliases: tuple[str, ...] = (), over_axis: bool = False,
    slope: tuple[str, Callable[..., Any]] = ("", np.ones_like),
) -> Callable[[Function], Function]:  # fmt: skip
    """Return what makes a function an activation; its parameters are the function's own, with their defaults."""

    def add(function: Function) -> Function:
        parameters = MappingProxyType(getattr(function, "__kwdefaults__", None) or {})
        ACTIVATIONS[name] = Activation(function, formula, onnx, parameters, aliases, over_axis, slope)
        return function

    return add


def _gelu_slope(x: Array, approximate: str) -> Array:
    """Return gelu's slope: that of ``x * c(x)`` is ``c(x) + x * c'(x)``."""
    if approximate == "none":
        density = np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
        return (1 + erf(x * math.sqrt(0.5))) / 2 + x * density
    first, third = GELU_CUBIC
    t = np.tanh(x * (first + third * x * x))
    return (1 + t) / 2 + x * (1 - t * t) * (first + 3 * third * x * x) / 2  # type: ignore[no-any-return]


def _mish_slope(x: Array) -> Array:
    """Return mish's slope, that of ``x * t`` with ``t = tanh(log(1 + exp(x)))``."""
    t = np.tanh(np.logaddexp(x.dtype.type(0), x))
    return t + x * (1 - t * t) * logistic(x)  # type: ignore[no-any-return]


@_activation("relu", "max(x, 0)", ("Relu", X), slope=("1 where x > 0, else 0", lambda x: x > 0))
def _relu(x: Array, out: Array, spare: Array) -> None:
    spare.fill(0)
    np.maximum(x, spare, out=out)


@_activation(
    "leaky-relu",
    "x where x > 0, else negative_slope*x",
    ("LeakyRelu", X, {"alpha": "negative_slope"}),
    aliases=("leakyrelu", "lrelu"),
    slope=("1 where x > 0, else negative_slope", lambda x, negative_slope: np.where(x > 0, 1, negative_slope)),
)
def _leaky_relu(x: Array, out: Array, spare: Array, *, negative_slope: float | Array = 0.01) -> None:
    split(x, out, spare)
    spare *= negative_slope
    out += spare


@_activation(
    "prelu",
    "x where x > 0, else weight*x; weights: one, one per channel, or as NumPy spreads them",
    ("PRelu", X, "weight"),
    slope=("1 where x > 0, else weight", lambda x, weight: np.where(x > 0, 1, weight)),
)
def _prelu(x: Array, out: Array, spare: Array, *, weight: float | Array = 0.25) -> None:
    _leaky_relu(x, out, spare, negative_slope=weight)


@_activation(
    "relu6", "min(max(x, 0), 6)", ("Clip", X, 0.0, 6.0),
    slope=("1 where 0 < x < 6, else 0", lambda x: (x > 0) & (x < 6)),
)  # fmt: skip
def _relu6(x: Array, out: Array, spare: Array) -> None:
    np.clip(x, 0, 6, out=out)


@_activation(
    "elu", "x where x > 0, else alpha*(exp(x) - 1)", ("Elu", X, {"alpha": "alpha"}),
    slope=("1 where x > 0, else alpha*exp(x)", lambda x, alpha: np.where(x > 0, 1, alpha * np.exp(x))),
)  # fmt: skip
def _elu(x: Array, out: Array, spare: Array, *, alpha: float = 1.0) -> None:
    split(x, out, spare)
    np.expm1(spare, out=spare)
    spare *= alpha
    out += spare


@_activation(
    "selu", "1.0507*x where x > 0, else 1.0507*1.67326*(exp(x) - 1)", ("Selu", X),
    slope=(
        "1.0507 where x > 0, else 1.0507*1.67326*exp(x)",
        lambda x: SELU_SCALE * np.where(x > 0, 1, SELU_ALPHA * np.exp(x)),
    ),
)  # fmt: skip
def _selu(x: Array, out: Array, spare: Array) -> None:
    _elu(x, out, spare, alpha=SELU_ALPHA)
    out *= SELU_SCALE


@_activation(
    "celu", "x where x > 0, else alpha*(exp(x/alpha) - 1)", ("Celu", X, {"alpha": "alpha"}),
    slope=("1 where x > 0, else exp(x/alpha)", lambda x, alpha: np.where(x > 0, 1, np.exp(x / alpha))),
)  # fmt: skip
def _celu(x: Array, out: Array, spare: Array, *, alpha: float = 1.0) -> None:
    split(x, out, spare)
    spare /= alpha
    np.expm1(spare, out=spare)
    spare *= alpha
    out += spare


@_activation(
    "gelu", "x/2 * (1 + erf(x / sqrt(2)))", ("Gelu", X, {"approximate": "approximate"}),
    slope=("(1 + erf(x / sqrt(2))) / 2 + x * exp(-x^2 / 2) / sqrt(2 pi)", _gelu_slope),
)  # fmt: skip
def _gelu(x: Array, out: Array, spare: Array, *, approximate: str = "none") -> None:
    if approximate == "none" and x.dtype == np.float64:
        out[...] = erf(x * math.sqrt(0.5))
    else:
        np.multiply(x, x, out=spare)
        polynomial(spare, GELU_CUBIC if approximate == "tanh" else GELU_AS_TANH, out)
        out *= x
        np.tanh(out, out=out)
    out += 1
    out *= 0.5
    out *= x
    if approximate == "none" and x.dtype == np.float64:
        tail = below(x, GELU_TAIL)
        far = x[tail]
        out[tail] = far * 0.5 * erfc_tail(far * -math.sqrt(0.5))


@_activation(
    "sigmoid", "1 / (1 + exp(-x))", ("Sigmoid", X), aliases=("logistic",),
    slope=("s * (1 - s), s being the sigmoid of x", lambda x: logistic(x) * logistic(-x)),
)  # fmt: skip
def _sigmoid(x: Array, out: Array, spare: Array) -> None:
    np.negative(x, out=out)
    np.exp(out, out=out)
    out += 1
    np.reciprocal(out, out=out)
    tail = below(x, -largest_power(x))  # there exp(-x) is infinite, and exp(x) is not yet 0
    out[tail] = np.exp(x[tail])


#: Of the second half; the first half is multiplied in.
_activation(
    "glu",
    "a * sigmoid(b), a and b being the halves of x along the axis",
    ("Mul", FIRST, ("Sigmoid", SECOND)),
    over_axis=True,
)(_sigmoid)


@_activation(
    "hard-sigmoid",
    "min(max(x + 3, 0), 6) / 6",
    ("HardSigmoid", X, {"alpha": 1 / 6, "beta": 0.5}),
    aliases=("hardsigmoid",),
    slope=("1/6 where -3 < x < 3, else 0", lambda x: (np.abs(x) < 3) / 6),
)
def _hard_sigmoid(x: Array, out: Array, spare: Array) -> None:
    np.add(x, 3, out=out)
    np.clip(out, 0, 6, out=out)
    out /= 6


@_activation(
    "log-sigmoid", "-log(1 + exp(-x))", ("Neg", ("Softplus", ("Neg", X))), aliases=("logsigmoid",),
    slope=("1 / (1 + exp(x))", lambda x: logistic(-x)),
)  # fmt: skip
def _log_sigmoid(x: Array, out: Array, spare: Array) -> None:
    log1p_exp_of_minus_abs(x, spare)
    out.fill(0)
    np.minimum(x, out, out=out)
    out -= spare


@_activation(
    "tanh", "(exp(x) - exp(-x)) / (exp(x) + exp(-x))", ("Tanh", X),
    slope=("1 - tanh(x)^2", lambda x: 4 * logistic(2 * x) * logistic(-2 * x)),  # the same, and nothing cancels
)  # fmt: skip
def _tanh(x: Array, out: Array, spare: Array) -> None:
    np.tanh(x, out=out)


@_activation(
    "hard-tanh", "min(max(x, min), max)", ("Clip", X, "min", "max"), aliases=("hardtanh",),
    slope=("1 where min < x < max, else 0", lambda x, min, max: (x > min) & (x < max)),
)  # fmt: skip
def _hard_tanh(x: Array, out: Array, spare: Array, *, min: float = -1.0, max: float = 1.0) -> None:
    np.clip(x, min, max, out=out)


@_activation("tanhshrink", "x - tanh(x)", ("Sub", X, ("Tanh", X)), slope=("tanh(x)^2", lambda x: np.tanh(x) ** 2))
def _tanhshrink(x: Array, out: Array, spare: Array) -> None:
    np.tanh(x, out=out)
    np.subtract(x, out, out=out)
    near = np.flatnonzero(np.abs(x) < TANH_NEAR[x.itemsize])  # where the two are all but equal
    small = x[near]
    squares = small * small
    out[near] = small * squares * polynomial(squares, TANH_SERIES)


@_activation(
    "softsign", "x / (1 + abs(x))", ("Softsign", X), slope=("1 / (1 + abs(x))^2", lambda x: (1 + np.abs(x)) ** -2.0)
)
def _softsign(x: Array, out: Array, spare: Array) -> None:
    np.abs(x, out=spare)
    spare += 1
    np.divide(x, spare, out=out)


@_activation(
    "softplus",
    "log(1 + exp(beta*x)) / beta, and x itself where beta*x > threshold",
    ("Where", ("Greater", ("Mul", X, "beta"), "threshold"), X, ("Div", ("Softplus", ("Mul", X, "beta")), "beta")),
    slope=(
        "1 / (1 + exp(-beta*x)), and 1 where beta*x > threshold",
        lambda x, beta, threshold: np.where(beta * x > threshold, 1, logistic(beta * x)),
    ),
)
def _softplus(x: Array, out: Array, spare: Array, *, beta: float = 1.0, threshold: float = 20.0) -> None:
    np.multiply(x, beta, out=out)
    log1p_exp_of_minus_abs(out, spare)
    spare *= out <= threshold
    spare /= beta
    np.clip(x, 0, np.inf, out=out)  # and not beta*x, which may be more than the type holds
    out += spare


@_activation(
    "softshrink",
    "x - lambd where x > lambd, x + lambd where x < -lambd, else 0",
    ("Shrink", X, {"lambd": "lambd", "bias": "lambd"}),
    slope=("1 where abs(x) > lambd, else 0", lambda x, lambd: np.abs(x) > lambd),
)
def _softshrink(x: Array, out: Array, spare: Array, *, lambd: float = 0.5) -> None:
    np.clip(x, -lambd, lambd, out=out)
    np.subtract(x, out, out=out)


@_activation(
    "hardshrink", "x where abs(x) > lambd, else 0", ("Shrink", X, {"lambd": "lambd"}),
    slope=("1 where abs(x) > lambd, else 0", lambda x, lambd: np.abs(x) > lambd),
)  # fmt: skip
def _hardshrink(x: Array, out: Array, spare: Array, *, lambd: float = 0.5) -> None:
    np.abs(x, out=spare)
    keep(x, spare <= lambd, out)


@_activation(
    "silu", "x / (1 + exp(-x))", ("Mul", X, ("Sigmoid", X)), aliases=("swish",),
    slope=("s * (1 + x * (1 - s)), s being the sigmoid of x", lambda x: logistic(x) * (1 + x * logistic(-x))),
)  # fmt: skip
def _silu(x: Array, out: Array, spare: Array) -> None:
    np.negative(x, out=spare)
    np.exp(spare, out=spare)
    spare += 1
    np.divide(x, spare, out=out)
    tail = below(x, -largest_power(x))
    far = x[tail]
    out[tail] = np.where(np.isinf(far), out[tail], far * np.exp(far))


@_activation(
    "hard-swish", "x * min(max(x + 3, 0), 6) / 6", ("HardSwish", X), aliases=("hardswish",),
    slope=(
        "0 where x <= -3, 1 where x >= 3, else x/3 + 1/2",
        lambda x: np.where(x <= -3, 0, np.where(x >= 3, 1, x / 3 + 0.5)),
    ),
)  # fmt: skip
def _hard_swish(x: Array, out: Array, spare: Array) -> None:
    _hard_sigmoid(x, out, spare)
    out *= x


@_activation(
    "mish", "x * tanh(log(1 + exp(x)))", ("Mul", X, ("Tanh", ("Softplus", X))),
    slope=("t + x * (1 - t^2) / (1 + exp(-x)), t being tanh(log(1 + exp(x)))", _mish_slope),
)  # fmt: skip
def _mish(x: Array, out: Array, spare: Array) -> None:
    """Use that ``tanh(log(1 + e)) = n / (n + 2)`` with ``n = e*(e + 2)``: nothing cancels, and from x = 20 it is 1."""
    np.clip(x, -np.inf, 20, out=spare)
    np.exp(spare, out=spare)
    np.add(spare, 2, out=out)
    spare *= out
    np.add(spare, 2, out=out)
    spare /= out
    np.multiply(x, spare, out=out)


@_activation(
    "threshold", "x where x > threshold, else value", ("Where", ("Greater", X, "threshold"), X, "value"),
    slope=("1 where x > threshold, else 0", lambda x, threshold, value: x > threshold),
)  # fmt: skip
def _threshold(x: Array, out: Array, spare: Array, *, threshold: float = 0.0, value: float = 0.0) -> None:
    drop = x <= threshold
    spare.fill(value)
    keep(spare, ~drop, out)
    keep(x, drop, spare)
    out += spare


@_activation(
    "step", "1 where x > 0, else 0", ("Where", ("Greater", X, 0.0), 1.0, 0.0), aliases=("heaviside",),
    slope=("0", np.zeros_like),
)  # fmt: skip
def _step(x: Array, out: Array, spare: Array) -> None:
    np.sign(x, out=out)
    spare.fill(0)
    np.maximum(out, spare, out=out)


@_activation("abs", "abs(x)", ("Abs", X), slope=("-1, 0 or 1: the sign of x", np.sign))
def _abs(x: Array, out: Array, spare: Array) -> None:
    np.abs(x, out=out)


@_activation("square", "x * x", ("Mul", X, X), slope=("2 * x", lambda x: 2 * x))
def _square(x: Array, out: Array, spare: Array) -> None:
    np.square(x, out=out)


@_activation("identity", "x", ("Identity", X), aliases=("linear",), slope=("1", np.ones_like))
def _identity(x: Array, out: Array, spare: Array) -> None:
    np.copyto(out, x)


def _total(x: Array) -> Array:
    """Return the sums along the middle axis, added up in float64."""
    return x.sum(axis=1, keepdims=True, dtype=np.float64).astype(x.dtype)  # type: ignore[no-any-return]


@_activation("softmax", "exp(x) / sum(exp(x)) along the axis", ("Softmax", X, {"axis": 1}), over_axis=True)
def _softmax(x: Array, out: Array, spare: Array) -> None:
    np.subtract(x, x.max(axis=1, keepdims=True), out=out)  # the largest becomes exp(0), so nothing overflows
    np.exp(out, out=out)
    out /= _total(out)


@_activation(
    "log-softmax",
    "x - log(sum(exp(x))) along the axis",
    ("LogSoftmax", X, {"axis": 1}),
    aliases=("logsoftmax",),
    over_axis=True,
)
def _log_softmax(x: Array, out: Array, spare: Array) -> None:
    np.subtract(x, x.max(axis=1, keepdims=True), out=out)
    np.exp(out, out=spare)
    out -= np.log(_total(spare))


@_activation("softmin", "exp(-x) / sum(exp(-x)) along the axis", ("Softmax", ("Neg", X), {"axis": 1}), over_axis=True)
def _softmin(x: Array, out: Array, spare: Array) -> None:
    np.negative(x, out=spare)
    _softmax(spare, out, spare)
