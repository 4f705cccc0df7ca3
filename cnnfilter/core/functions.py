"""Every activation, as a function from one block to another.

Each has the signature ``function(x, out, spare, **parameters)``: `x` is read, `out` gets the result, `spare` is for
whatever is needed in between. All three are float32 or float64 arrays of one shape, small enough for the cache, and
none overlaps another. So nothing is allocated, and three things that are slow in NumPy are avoided: fresh memory;
`maximum` and `minimum` with a scalar, which are vectorised for two arrays only; and masks, which cost a branch for
each value. Floating-point warnings are off meanwhile; the formulas are arranged so that an overflow ends in the
right limit.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from cnnfilter.core.arrays import Array
from cnnfilter.core.erf import ERF_AS_TANH, erf, erfc_tail, polynomial

#: gelu's ``erf(x / sqrt(2))`` as ``tanh(x * P(x**2))``: the same polynomial, with the root of 2 taken in.
GELU_AS_TANH = tuple(c * math.sqrt(0.5) * 0.5**power for power, c in enumerate(ERF_AS_TANH))
#: The cubic of Hendrycks and Gimpel (2016), which PyTorch calls ``approximate="tanh"``.
GELU_CUBIC = (math.sqrt(2 / math.pi), math.sqrt(2 / math.pi) * 0.044715)
#: Where float64's gelu is taken from the complementary error function: 1 + erf has lost digits there. In float32, where
#: it would double the time, gelu is right to 2e-7, as PyTorch's is.
GELU_TAIL = -1.0
#: ``(x - tanh(x)) / x**3`` in powers of x**2, and up to where it is used, by the bytes of a value.
TANH_SERIES = (1 / 3, -2 / 15, 17 / 315, -62 / 2835, 1382 / 155925)
TANH_NEAR = {4: 0.25, 8: 0.03}
#: The fixed point of mean 0 and variance 1 (Klambauer and others, 2017, arXiv:1706.02515).
SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805


def _split(x: Array, out: Array, spare: Array) -> None:
    """Put the positive part of x in `out` and the negative part in `spare`."""
    spare.fill(0)
    np.maximum(x, spare, out=out)
    np.minimum(x, spare, out=spare)


def _keep(x: Array, drop: Array, out: Array) -> None:
    """Put x in `out`, and 0 where `drop` is True, by masking the bits of x."""
    mask = out.view(f"i{out.itemsize}")
    np.copyto(mask, drop)
    mask -= 1  # all ones where nothing is dropped
    np.bitwise_and(mask, x.view(mask.dtype), out=mask)


def _log1p_exp_of_minus_abs(x: Array, out: Array) -> None:
    """Put ``log(1 + exp(-abs(x)))`` in `out`: what softplus adds to the positive part."""
    np.abs(x, out=out)
    np.negative(out, out=out)
    np.exp(out, out=out)
    np.log1p(out, out=out)


def _relu(x: Array, out: Array, spare: Array) -> None:
    spare.fill(0)
    np.maximum(x, spare, out=out)


def _leaky_relu(x: Array, out: Array, spare: Array, negative_slope: float | Array) -> None:
    _split(x, out, spare)
    spare *= negative_slope
    out += spare


def _prelu(x: Array, out: Array, spare: Array, weight: float | Array) -> None:
    _leaky_relu(x, out, spare, weight)


def _relu6(x: Array, out: Array, spare: Array) -> None:
    np.clip(x, 0, 6, out=out)


def _elu(x: Array, out: Array, spare: Array, alpha: float) -> None:
    _split(x, out, spare)
    np.expm1(spare, out=spare)
    spare *= alpha
    out += spare


def _selu(x: Array, out: Array, spare: Array) -> None:
    _elu(x, out, spare, SELU_ALPHA)
    out *= SELU_SCALE


def _celu(x: Array, out: Array, spare: Array, alpha: float) -> None:
    _split(x, out, spare)
    spare /= alpha
    np.expm1(spare, out=spare)
    spare *= alpha
    out += spare


def _gelu(x: Array, out: Array, spare: Array, approximate: str) -> None:
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
        tail = _below(x, GELU_TAIL)
        far = x[tail]
        out[tail] = far * 0.5 * erfc_tail(far * -math.sqrt(0.5))


def _below(x: Array, limit: float) -> Array:
    """Return where `x` is below `limit`, as indices: few cells are mended one by one."""
    return np.flatnonzero(x < limit)


def _largest_power(x: Array) -> float:
    """Return the largest power of e that the type of `x` holds."""
    return math.log(float(np.finfo(x.dtype).max))


def _sigmoid(x: Array, out: Array, spare: Array) -> None:
    np.negative(x, out=out)
    np.exp(out, out=out)
    out += 1
    np.reciprocal(out, out=out)
    tail = _below(x, -_largest_power(x))  # there exp(-x) is infinite, and exp(x) is not yet 0
    out[tail] = np.exp(x[tail])


def _hard_sigmoid(x: Array, out: Array, spare: Array) -> None:
    np.add(x, 3, out=out)
    np.clip(out, 0, 6, out=out)
    out /= 6


def _log_sigmoid(x: Array, out: Array, spare: Array) -> None:
    _log1p_exp_of_minus_abs(x, spare)
    out.fill(0)
    np.minimum(x, out, out=out)
    out -= spare


def _tanh(x: Array, out: Array, spare: Array) -> None:
    np.tanh(x, out=out)


def _hard_tanh(x: Array, out: Array, spare: Array, min: float, max: float) -> None:
    np.clip(x, min, max, out=out)


def _tanhshrink(x: Array, out: Array, spare: Array) -> None:
    np.tanh(x, out=out)
    np.subtract(x, out, out=out)
    near = np.flatnonzero(np.abs(x) < TANH_NEAR[x.itemsize])  # where the two are all but equal
    small = x[near]
    squares = small * small
    out[near] = small * squares * polynomial(squares, TANH_SERIES)


def _softsign(x: Array, out: Array, spare: Array) -> None:
    np.abs(x, out=spare)
    spare += 1
    np.divide(x, spare, out=out)


def _softplus(x: Array, out: Array, spare: Array, beta: float, threshold: float) -> None:
    np.multiply(x, beta, out=out)
    _log1p_exp_of_minus_abs(out, spare)
    spare *= out <= threshold
    spare /= beta
    np.clip(x, 0, np.inf, out=out)  # and not beta*x, which may be more than the type holds
    out += spare


def _softshrink(x: Array, out: Array, spare: Array, lambd: float) -> None:
    np.clip(x, -lambd, lambd, out=out)
    np.subtract(x, out, out=out)


def _hardshrink(x: Array, out: Array, spare: Array, lambd: float) -> None:
    np.abs(x, out=spare)
    _keep(x, spare <= lambd, out)


def _silu(x: Array, out: Array, spare: Array) -> None:
    np.negative(x, out=spare)
    np.exp(spare, out=spare)
    spare += 1
    np.divide(x, spare, out=out)
    tail = _below(x, -_largest_power(x))
    far = x[tail]
    out[tail] = np.where(np.isinf(far), out[tail], far * np.exp(far))


def _hard_swish(x: Array, out: Array, spare: Array) -> None:
    _hard_sigmoid(x, out, spare)
    out *= x


def _mish(x: Array, out: Array, spare: Array) -> None:
    """Use that ``tanh(log(1 + e)) = n / (n + 2)`` with ``n = e*(e + 2)``: nothing cancels, and from x = 20 it is 1."""
    np.clip(x, -np.inf, 20, out=spare)
    np.exp(spare, out=spare)
    np.add(spare, 2, out=out)
    spare *= out
    np.add(spare, 2, out=out)
    spare /= out
    np.multiply(x, spare, out=out)


def _threshold(x: Array, out: Array, spare: Array, threshold: float, value: float) -> None:
    drop = x <= threshold
    spare.fill(value)
    _keep(spare, ~drop, out)
    _keep(x, drop, spare)
    out += spare


def _step(x: Array, out: Array, spare: Array) -> None:
    np.sign(x, out=out)
    spare.fill(0)
    np.maximum(out, spare, out=out)


def _abs(x: Array, out: Array, spare: Array) -> None:
    np.abs(x, out=out)


def _square(x: Array, out: Array, spare: Array) -> None:
    np.square(x, out=out)


def _identity(x: Array, out: Array, spare: Array) -> None:
    np.copyto(out, x)


def _total(x: Array) -> Array:
    """Return the sums along the middle axis, added up in float64."""
    return x.sum(axis=1, keepdims=True, dtype=np.float64).astype(x.dtype)  # type: ignore[no-any-return]


def _softmax(x: Array, out: Array, spare: Array) -> None:
    np.subtract(x, x.max(axis=1, keepdims=True), out=out)  # the largest becomes exp(0), so nothing overflows
    np.exp(out, out=out)
    out /= _total(out)


def _log_softmax(x: Array, out: Array, spare: Array) -> None:
    np.subtract(x, x.max(axis=1, keepdims=True), out=out)
    np.exp(out, out=spare)
    out -= np.log(_total(spare))


def _softmin(x: Array, out: Array, spare: Array) -> None:
    np.negative(x, out=spare)
    _softmax(spare, out, spare)


#: The activations that work on each value alone.
CELLWISE: dict[str, Callable[..., None]] = {
    "relu": _relu,
    "leaky-relu": _leaky_relu,
    "prelu": _prelu,
    "relu6": _relu6,
    "elu": _elu,
    "selu": _selu,
    "celu": _celu,
    "gelu": _gelu,
    "sigmoid": _sigmoid,
    "hard-sigmoid": _hard_sigmoid,
    "log-sigmoid": _log_sigmoid,
    "tanh": _tanh,
    "hard-tanh": _hard_tanh,
    "tanhshrink": _tanhshrink,
    "softsign": _softsign,
    "softplus": _softplus,
    "softshrink": _softshrink,
    "hardshrink": _hardshrink,
    "silu": _silu,
    "hard-swish": _hard_swish,
    "mish": _mish,
    "threshold": _threshold,
    "step": _step,
    "abs": _abs,
    "square": _square,
    "identity": _identity,
}

#: The activations along the middle axis of blocks ``(outer, axis, inner)``. glu halves the axis, so it is elsewhere.
ALONG_AXIS: dict[str, Callable[..., None]] = {
    "softmax": _softmax,
    "log-softmax": _log_softmax,
    "softmin": _softmin,
}
