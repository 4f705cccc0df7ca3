"""The activation functions, each on arrays that fit a cache, to the last digits."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from cnnfilter.core.arrays import Array

#: ``erf(x) = tanh(x * P(x**2))``: the coefficients of P, constant first. A minimax fit (Lawson's weighted least
#: squares on 0..4.2) of ``atanh(erf(x)) / x``, weighted so that the relative error of erf is 1e-7 throughout.
#: Beyond 4.2 the last coefficient, being positive, keeps tanh at 1.
ERF_AS_TANH = (
    1.1283792743115235,
    0.10276905575332658,
    -1.9183073158955894e-4,
    -6.197847056120114e-4,
    8.763734014288608e-5,
    -5.6684770098960964e-6,
    1.4185226970413665e-7,
)

#: Cody's rational approximations: numerator and denominator, constant first, of ``erf(x)/x`` in x**2 up to 0.46875,
#: of ``exp(x**2) * erfc(x)`` in x up to 4, and of the same's difference from its limit in 1/x**2 beyond.
_SMALL = (
    (3.20937758913846947e03, 3.77485237685302021e02, 1.13864154151050156e02, 3.16112374387056560e00,
     1.85777706184603153e-1),
    (2.84423683343917062e03, 1.28261652607737228e03, 2.44024637934444173e02, 2.36012909523441209e01, 1.0),
)  # fmt: skip
_MIDDLE = (
    (1.23033935479799725e03, 2.05107837782607147e03, 1.71204761263407058e03, 8.81952221241769090e02,
     2.98635138197400131e02, 6.61191906371416295e01, 8.88314979438837594e00, 5.64188496988670089e-1,
     2.15311535474403846e-8),
    (1.23033935480374942e03, 3.43936767414372164e03, 4.36261909014324716e03, 3.29079923573345963e03,
     1.62138957456669019e03, 5.37181101862009858e02, 1.17693950891312499e02, 1.57449261107098347e01, 1.0),
)  # fmt: skip
_LARGE = (
    (-6.58749161529837803e-4, -1.60837851487422766e-2, -1.25781726111229246e-1, -3.60344899949804439e-1,
     -3.05326634961232344e-1, -1.63153871373020978e-2),
    (2.33520497626869185e-3, 6.05183413124413191e-2, 5.27905102951428412e-1, 1.87295284992346047e00,
     2.56852019228982242e00, 1.0),
)  # fmt: skip


def polynomial(x: Array, coefficients: tuple[float, ...], out: Array | None = None) -> Array:
    """Return the polynomial with these coefficients, constant first, by Horner's rule: two operations a term."""
    total: Array = np.multiply(x, coefficients[-1], out=out)
    for coefficient in coefficients[-2:0:-1]:
        total += coefficient
        total *= x
    total += coefficients[0]
    return total


def erf(x: Array) -> Array:
    """Return the error function of every value, in the type of `x`.

    Parameters
    ----------
    x
        Any shape, float32 or float64.

    Returns
    -------
    numpy.ndarray
        ``2/sqrt(pi)`` times the integral of ``exp(-t**2)`` from 0 to x.

    Notes
    -----
    The relative error is below 4e-7 in float32 and below 1e-15 in float64.

    References
    ----------
    .. [1] W. J. Cody, "Rational Chebyshev approximations for the error function", Mathematics of Computation 23
       (1969), 631-637: the approximations used for float64.

    Examples
    --------
    >>> erf(np.array([-np.inf, 0, 0.5, 1]))
    array([-1.        ,  0.        ,  0.52049988,  0.84270079])
    """
    if x.dtype == np.float32:
        with np.errstate(over="ignore"):  # the polynomial may reach infinity, where tanh is 1
            return np.tanh(x * polynomial(x * x, ERF_AS_TANH))  # type: ignore[no-any-return]
    size = np.abs(x)
    result = np.ones_like(x)  # erfc(6) is below half a unit in the last place of 1
    for low, high, piece in ((0.0, 0.46875, _near_zero), (0.46875, 4.0, _middle), (4.0, 6.0, _far)):
        here = (size >= low) & (size < high)
        result[here] = piece(size[here])
    result[np.isnan(x)] = np.nan
    return np.copysign(result, x)


def _near_zero(x: Array) -> Array:
    """Return erf on 0..0.46875."""
    return x * polynomial(x * x, _SMALL[0]) / polynomial(x * x, _SMALL[1])


def _middle(x: Array) -> Array:
    """Return erf on 0.46875..4."""
    return 1 - _middle_tail(x)


def _far(x: Array) -> Array:
    """Return erf from 4 up."""
    return 1 - _far_tail(x)


def _middle_tail(x: Array) -> Array:
    """Return ``1 - erf`` on 0.46875..4."""
    return np.exp(-x * x) * polynomial(x, _MIDDLE[0]) / polynomial(x, _MIDDLE[1])  # type: ignore[no-any-return]


def _far_tail(x: Array) -> Array:
    """Return ``1 - erf`` from 4 up."""
    inverse = 1 / (x * x)
    tail = inverse * polynomial(inverse, _LARGE[0]) / polynomial(inverse, _LARGE[1])
    return np.exp(-x * x) / x * (1 / np.sqrt(np.pi) + tail)  # type: ignore[no-any-return]


def erfc_tail(x: Array) -> Array:
    """Return the complementary error function ``1 - erf(x)`` of float64 values above 0.5, with all its digits.

    Examples
    --------
    >>> erfc_tail(np.array([2.0, 5.0]))
    array([4.67773498e-03, 1.53745979e-12])
    """
    return np.where(x < 4, _middle_tail(x), _far_tail(x))


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
