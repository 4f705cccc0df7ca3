"""The dense layer: weighted sums of all inputs."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from cnnfilter.core.arrays import Array, computing_type, real_array
from cnnfilter.errors import ShapeError


def dense(vector: ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None) -> Array:
    """Return ``weight @ vector + bias``: each output is a weighted sum of all inputs.

    Parameters
    ----------
    vector
        ``(in,)``, or ``(N, in)`` for a batch, any real type. float64 gives float64, everything else float32.
    weight
        ``(out, in)``: one row of weights for each output. Weights in float64 are used as they are.
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
    dtype = computing_type(values)
    wide = np.promote_types(dtype, computing_type(weights))
    with np.errstate(all="ignore"):
        outputs: Array = values.astype(wide, copy=False) @ weights.T.astype(wide, copy=False)
        if bias is not None:
            offsets = real_array(bias, "bias")
            if offsets.shape not in ((), (1,), (len(weights),)):
                raise ShapeError(
                    f"bias {offsets.shape} does not fit weight {weights.shape}: it must be ({len(weights)},)"
                )
            outputs = outputs + offsets
        return outputs.astype(dtype, copy=False)
