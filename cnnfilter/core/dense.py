"""The dense layer: weighted sums of all inputs."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from cnnfilter.core.arrays import Array, computing_type, real_array
from cnnfilter.core.blas import blas_in_one_thread
from cnnfilter.core.rows import BLOCK_BYTES
from cnnfilter.errors import ShapeError


def dense(vector: ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None) -> Array:
    """Return ``weight @ vector + bias``: each output is a weighted sum of all inputs.

    Parameters
    ----------
    vector
        ``(in,)``, or ``(N, in)`` for a batch, any real type. float64 gives float64, everything else float32.
    weight
        ``(out, in)``: one row of weights for each output.
    bias
        Added to the outputs: ``(out,)``, or one number.

    Returns
    -------
    numpy.ndarray
        ``(out,)`` or ``(N, out)``.

    Raises
    ------
    ShapeError
        If the shapes do not fit together.
    ParameterError
        If one of the arrays does not hold real numbers.

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
    wide = values.astype(np.float64, copy=False)
    outputs = np.empty((*values.shape[:-1], len(weights)))
    step = max(1, BLOCK_BYTES // (8 * max(1, inputs)))
    with np.errstate(all="ignore"), blas_in_one_thread():
        for start in range(0, len(weights), step):
            rows = weights[start : start + step].astype(np.float64, copy=False)
            outputs[..., start : start + step] = wide @ rows.T
        return (outputs + offsets).astype(computing_type(values), copy=False)
