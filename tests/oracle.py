"""Slow, plain and obviously right: every operation once more as loops over single output cells.

All arrays are ``(N, C, H, W)`` float64; pads are ``((top, bottom), (left, right))``; sizes, strides and
dilations are ``(rows, columns)``. Nothing here is shared with the package.
"""

from __future__ import annotations

import math

import numpy as np

ZERO_PADS = ((0, 0), (0, 0))


def border_source(position, size, mode):
    """Index of the image cell that a padded position repeats, or None where the border is a constant."""
    if 0 <= position < size:
        return position
    if mode in ("zeros", "constant"):
        return None
    if mode == "replicate":
        return min(max(position, 0), size - 1)
    if mode == "circular":
        return position % size
    while not 0 <= position < size:  # walk back into the image, mirror by mirror
        if mode == "reflect":  # c b | a b c d | c b
            position = -position if position < 0 else 2 * (size - 1) - position
            position = 0 if size == 1 else position
        else:  # symmetric: b a | a b c d | d c
            position = -1 - position if position < 0 else 2 * size - 1 - position
    return position


def naive_pad(image, pads, mode="zeros", value=0.0):
    """The image with its border, cell by cell."""
    (top, bottom), (left, right) = pads
    height, width = image.shape[2:]
    out = np.full((*image.shape[:2], height + top + bottom, width + left + right), float(value))
    if mode == "zeros":
        out[:] = 0.0
    for row, column in np.ndindex(out.shape[2:]):
        source = border_source(row - top, height, mode), border_source(column - left, width, mode)
        if None not in source:
            out[:, :, row, column] = image[:, :, source[0], source[1]]
    return out


def naive_conv2d(
    image4,
    kernel4,
    *,
    bias=None,
    stride=(1, 1),
    pads=ZERO_PADS,
    border_mode="zeros",
    border_value=0.0,
    dilation=(1, 1),
    groups=1,
    flip=False,
):
    """The feature maps (N, K, oH, oW), and beside each cell the sum of its absolute products."""
    kernel4 = kernel4[:, :, ::-1, ::-1] if flip else kernel4
    padded = naive_pad(np.asarray(image4, np.float64), pads, border_mode, border_value)
    maps, depth, rows, columns = kernel4.shape
    assert padded.shape[1] == depth * groups
    assert maps % groups == 0
    reach = dilation[0] * (rows - 1) + 1, dilation[1] * (columns - 1) + 1
    out_rows = (padded.shape[2] - reach[0]) // stride[0] + 1
    out_columns = (padded.shape[3] - reach[1]) // stride[1] + 1
    out = np.zeros((padded.shape[0], maps, out_rows, out_columns))
    absolute = np.zeros_like(out)
    for n, k, i, j in np.ndindex(out.shape):
        first = k // (maps // groups) * depth
        top, left = i * stride[0], j * stride[1]
        window = padded[n, first : first + depth, top : top + reach[0], left : left + reach[1]]
        products = window[:, :: dilation[0], :: dilation[1]] * kernel4[k]
        out[n, k, i, j] = products.sum() + (0.0 if bias is None else bias[k])
        absolute[n, k, i, j] = np.abs(products).sum() + (0.0 if bias is None else abs(bias[k]))
    return out, absolute


def naive_conv_transpose2d(
    image4,
    kernel4,
    *,
    bias=None,
    stride=(1, 1),
    pads=ZERO_PADS,
    output_padding=(0, 0),
    dilation=(1, 1),
    groups=1,
):
    """Every input cell stamps its weighted kernel (C, K/groups, kH, kW) on the output."""
    batch, channels, height, width = image4.shape
    _, per_group, rows, columns = kernel4.shape
    (top, bottom), (left, right) = pads
    out_rows = (height - 1) * stride[0] + dilation[0] * (rows - 1) + 1 + output_padding[0] - top - bottom
    out_columns = (width - 1) * stride[1] + dilation[1] * (columns - 1) + 1 + output_padding[1] - left - right
    out = np.zeros((batch, per_group * groups, out_rows, out_columns))
    for n, c, i, j in np.ndindex(image4.shape):
        first = c // (channels // groups) * per_group
        for k, u, v in np.ndindex(kernel4.shape[1:]):
            row, column = i * stride[0] + u * dilation[0] - top, j * stride[1] + v * dilation[1] - left
            if 0 <= row < out_rows and 0 <= column < out_columns:
                out[n, first + k, row, column] += image4[n, c, i, j] * kernel4[c, k, u, v]
    return out if bias is None else out + np.asarray(bias, np.float64)[:, None, None]


def reduce_values(values, kind, p=2.0):
    """One number from the values of a window, in plain floats."""
    values = [float(value) for value in values]
    if kind in ("max", "min"):
        if any(math.isnan(value) for value in values):
            return math.nan
        return max(values) if kind == "max" else min(values)
    if kind == "lp":
        return math.fsum(value**p for value in values) ** (1 / p)
    total = sum(values)  # not fsum, which refuses to add infinities of both signs
    return total / len(values) if kind == "avg" else total


def pool_count(size, pads, window, stride, dilation, ceil_mode):
    """How many windows fit along one axis; with `ceil_mode` the last may hang over the end."""
    reach = dilation * (window - 1) + 1
    start, count = -pads[0], 0
    while start + reach <= size + pads[1]:
        start, count = start + stride, count + 1
    hangs_over_by = start + reach - size - pads[1]
    if ceil_mode and hangs_over_by < stride and start < size:
        count += 1
    return count


def naive_pool2d(
    image4,
    kind,
    size,
    *,
    stride=None,
    pads=ZERO_PADS,
    dilation=(1, 1),
    ceil_mode=False,
    count_include_pad=True,
    p=2.0,
):
    """Pool window by window: padding is no value for max and min, zero for the rest."""
    stride = stride or size
    height, width = image4.shape[2:]
    shape = [pool_count(image4.shape[2 + a], pads[a], size[a], stride[a], dilation[a], ceil_mode) for a in (0, 1)]
    out = np.zeros((*image4.shape[:2], *shape))
    for n, c, i, j in np.ndindex(out.shape):
        inside, in_pads = [], 0
        for u, v in np.ndindex(*size):
            row = i * stride[0] - pads[0][0] + u * dilation[0]
            column = j * stride[1] - pads[1][0] + v * dilation[1]
            if 0 <= row < height and 0 <= column < width:
                inside.append(image4[n, c, row, column])
            elif row < height + pads[0][1] and column < width + pads[1][1]:
                in_pads += 1
        if kind == "avg":
            out[n, c, i, j] = reduce_values(inside, "sum") / (len(inside) + in_pads * count_include_pad)
        elif kind == "lp":  # PyTorch scales a window that hangs over the end up to a whole one
            share = size[0] * size[1] / (len(inside) + in_pads)
            out[n, c, i, j] = (math.fsum(float(value) ** p for value in inside) * share) ** (1 / p)
        else:
            out[n, c, i, j] = reduce_values(inside, kind)
    return out


def naive_adaptive_pool2d(image4, output_size, kind):
    """Output cell i pools the input from floor(i*in/out) up to ceil((i+1)*in/out)."""
    height, width = image4.shape[2:]
    out = np.zeros((*image4.shape[:2], *output_size))
    for n, c, i, j in np.ndindex(out.shape):
        rows = range(i * height // output_size[0], math.ceil((i + 1) * height / output_size[0]))
        columns = range(j * width // output_size[1], math.ceil((j + 1) * width / output_size[1]))
        values = [image4[n, c, row, column] for row in rows for column in columns]
        out[n, c, i, j] = reduce_values(values, kind)
    return out


def fractional_starts(sample, size, window, count, dtype=np.float32):
    """Where the windows begin along one axis (Graham 2014), in the arithmetic of `dtype` as PyTorch does."""
    starts = [0] * count
    if count > 1:
        sample, alpha = dtype(sample), dtype(size - window) / dtype(count - 1)
        starts = [int((dtype(i) + sample) * alpha) - int(sample * alpha) for i in range(count)]
    starts[-1] = size - window
    return starts


def naive_fractional_pool2d(image4, size, output_size, samples, kind="max", dtype=np.float32):
    """Samples (N, C, 2) hold one number for the columns, then one for the rows."""
    height, width = image4.shape[2:]
    out = np.zeros((*image4.shape[:2], *output_size))
    for n, c in np.ndindex(image4.shape[:2]):
        rows = fractional_starts(samples[n, c, 1], height, size[0], output_size[0], dtype)
        columns = fractional_starts(samples[n, c, 0], width, size[1], output_size[1], dtype)
        for i, j in np.ndindex(*output_size):
            window = image4[n, c, rows[i] : rows[i] + size[0], columns[j] : columns[j] + size[1]]
            out[n, c, i, j] = reduce_values(window.ravel(), kind)
    return out
