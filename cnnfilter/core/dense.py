"""The dense layer: weighted sums of all inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from cnnfilter.core.arrays import Array, computing_type, exactly, real_array, type_of, whole_numbers
from cnnfilter.core.blas import blas_in_one_thread
from cnnfilter.core.rows import BLOCK_BYTES
from cnnfilter.core.whole import exact_sums
from cnnfilter.errors import ShapeError


def dense(
    vector: ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None, *, dtype: DTypeLike | None = None
) -> Array:
    """Return ``weight @ vector + bias``: each output is a weighted sum of all inputs.

    Parameters
    ----------
    vector
        ``(in,)``, or ``(N, in)`` for a batch, any real type. float64 gives float64, everything else float32.
    weight
        ``(out, in)``: one row of weights for each output.
    bias
        Added to the outputs: ``(out,)``, or one number.
    dtype
        ``float32`` or ``float64`` for the result; ``int32`` or ``int64`` for exact sums of whole numbers.

    Returns
    -------
    numpy.ndarray
        ``(out,)`` or ``(N, out)``.

    Raises
    ------
    ShapeError
        If the shapes do not fit together.
    ParameterError
        If one of the arrays does not hold real numbers; with a `dtype` of whole numbers also if one has a fraction,
        or a sum does not fit.

    Notes
    -----
    The sums are added up in float64, so that whole numbers stay whole, and rounded to the result's type in the end.
    Some rows of weights are converted at a time: beyond input and output it takes about a megabyte.

    Examples
    --------
    >>> dense([155, 60], [[0.27, 0.2], [-0.1, -0.4]])
    array([ 53.85, -39.5 ], dtype=float32)
    """
    values, weights = real_array(vector, "vector"), real_array(weight, "weight")
    if values.ndim not in (1, 2):
        raise ShapeError(f"vector must be (in,) or (N, in), got shape {values.shape} (flatten it first)")
    inputs = values.shape[-1]
    if weights.ndim != 2 or weights.shape[1] != inputs:
        raise ShapeError(
            f"weight {weights.shape} does not fit vector {values.shape}: it must be (out, in) = (out, {inputs})"
        )
    offsets = real_array(0 if bias is None else bias, "bias")
    if offsets.shape not in ((), (1,), (len(weights),)):
        raise ShapeError(f"bias {offsets.shape} does not fit weight {weights.shape}: it must be ({len(weights)},)")
    made = computing_type(values) if dtype is None else type_of(dtype)
    if made.kind == "i":
        return _whole(values, weights, offsets, made)
    return (_products(values.astype(np.float64, copy=False), weights) + offsets).astype(made, copy=False)


def _whole(values: Array, weights: Array, offsets: Array, dtype: np.dtype[Any]) -> Array:
    """Return the exact sums of whole numbers."""
    bias = np.broadcast_to(exactly(offsets, np.int64, "the bias"), len(weights))
    whole = whole_numbers(weights, "the weights")
    return exact_sums(_products, whole_numbers(values, "the vector"), whole, per_output=whole, bias=bias, dtype=dtype)


def _products(wide: Array, weights: Array) -> Array:
    """Return ``wide @ weights.T``, added up in float64; some rows of weights at a time."""
    inputs = wide.shape[-1]
    outputs = np.empty((*wide.shape[:-1], len(weights)))
    step = max(1, BLOCK_BYTES // (8 * max(1, inputs)))
    with np.errstate(all="ignore"), blas_in_one_thread():
        for start in range(0, len(weights), step):
            rows = weights[start : start + step].astype(np.float64, copy=False)
            outputs[..., start : start + step] = wide @ rows.T
    return outputs
