"""Commands for a shell: ImageMagick, libvips, G'MIC, ffmpeg."""

from __future__ import annotations

import shlex

import numpy as np

from cnnfilter.library.export.scripts import own_call
from cnnfilter.library.export.text import header, rows_of, whole
from cnnfilter.library.generators.grid import Array
from cnnfilter.library.kernel import Kernel
from cnnfilter.library.numbers import digits

#: Kernel shapes of ffmpeg's convolution, and the longest row or column.
FFMPEG_SQUARES = ((3, 3), (5, 5), (7, 7))
FFMPEG_LONGEST = 49


def imagemagick(kernel: Kernel, image: str) -> str:
    """Return a command for ImageMagick 6 and 7."""
    call = own_call(kernel)
    if call:
        return header(kernel) + f"{call.replace(' image ', f' {shlex.quote(image)} ', 1)} -depth 8 out.png\n"
    turned = kernel.weights[::-1, ::-1]
    rows, columns = turned.shape
    text = f"{columns}x{rows}: {rows_of(turned, between=',', lines=' ')}"
    more = "ImageMagick turns kernels by 180 degrees, so this one is turned already; the border pixel is repeated,\n"
    more += "results are clipped to 0..255"
    return header(kernel, more=more) + f"convert {shlex.quote(image)} -morphology Convolve '{text}' -depth 8 out.png\n"


def vips(kernel: Kernel, image: str) -> str:
    """Return commands for libvips: it reads kernels from a file."""
    rows, columns = kernel.weights.shape
    found = whole(kernel.weights)
    divisor, numbers = (
        (1, kernel.weights) if found is None or found[0].numerator != 1 else (found[0].denominator, found[1])
    )
    lines = [f"{columns} {rows} {divisor} 0", *(" ".join(digits(value) for value in row) for row in numbers)]
    text = "\n".join(lines)
    more = "kernel not flipped, the border pixel is repeated, results are floats"
    return (
        header(kernel, more=more)
        + f"cat > kernel.mat <<'END'\n{text}\nEND\n"
        + f"vips conv {shlex.quote(image)} out.tif kernel.mat --precision float\n"
    )


def gmic(kernel: Kernel, image: str) -> str:
    """Return a command for G'MIC."""
    text = rows_of(kernel.weights, between=",", lines=";")
    more = "kernel not flipped (convolve would flip it), the border pixel is repeated, results are floats"
    line = f"gmic {shlex.quote(image)} '({text})' correlate[0] [1] remove[1] output out.tif,float\n"
    return header(kernel, more=more) + line


def ffmpeg(kernel: Kernel, image: str) -> str:
    """Return a command for ffmpeg: its convolution filter where that can do it, an expression elsewhere."""
    step = _ffmpeg_filter(kernel.weights)
    if step:
        more = "border reflected at the top and left, mirrored at the bottom and right, results clipped to 0..255"
    else:
        step = _ffmpeg_expression(kernel.weights)
        more = "as an expression: ffmpeg's convolution takes whole numbers, divided by their sum, in 3x3, 5x5 or 7x7"
    line = f'ffmpeg -y -i {shlex.quote(image)} -vf "format=gray,{step}" -frames:v 1 -pix_fmt gray out.png\n'
    return header(kernel, more=more) + line


def _ffmpeg_filter(weights: Array) -> str:
    """Return ffmpeg's convolution filter, or nothing where it would give something else.

    Some versions disregard rdiv, so that only kernels are written so which are divided by their sum, or have none.
    """
    found = whole(weights)
    rows, columns = weights.shape
    if found is None:
        return ""
    scale, numbers = found
    total = int(numbers.sum())
    if scale * (total or 1) != 1:
        return ""
    if (rows, columns) in FFMPEG_SQUARES:
        mode = "square"
    elif 1 in (rows, columns) and rows * columns % 2 == 1 and rows * columns <= FFMPEG_LONGEST:
        mode = "row" if rows == 1 else "column"
    else:
        return ""
    text = " ".join(digits(value) for value in numbers.ravel())
    return f"convolution=0m='{text}':0rdiv={digits(float(scale))}:0mode={mode}"


def _ffmpeg_expression(weights: Array) -> str:
    """Return ffmpeg's geq filter with the sum written out."""
    rows, columns = weights.shape
    terms = []
    for row, column in np.argwhere(weights):
        down, across = row - rows // 2, column - columns // 2
        place = f"p(X{across:+d},Y{down:+d})".replace("+0", "").replace("-0", "")
        terms.append(f"{digits(weights[row, column])}*{place}")
    return f"geq=lum='clip(round({'+'.join(terms) or '0'}),0,255)':interpolation=nearest"
