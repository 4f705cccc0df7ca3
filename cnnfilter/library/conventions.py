"""What each tool means by filtering a picture with a kernel, as a table. No NumPy here.

Every row was held against the tool where it can be installed (the tests do it again): flip, border, where the middle
of an even kernel lies, the type that it computes in, and how a result becomes a pixel.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from cnnfilter.errors import UnknownNameError, lookup
from cnnfilter.library.spec import parse_spec

if TYPE_CHECKING:
    from cnnfilter.library.kernel import Kernel


class Convention(NamedTuple):
    """How one tool filters.

    Attributes
    ----------
    call
        The function or command that is meant.
    flip
        What it does to the kernel before it slides it: ``none``, ``both`` (180 degrees) or ``rows`` (upside down).
    padding, padding_mode
        The border, in this program's words; ``copy`` leaves the border pixels as they were.
    middle
        Of an even kernel: ``late``, ``size // 2``, or ``early``, ``(size - 1) // 2``, counted in the kernel as given.
    range, dtype
        What the pixels are scaled to, and the type that it computes in.
    rounding
        How a result becomes a whole number in the picture's own type: a key of ``cnnfilter.core.rounding.ROUNDINGS``;
        empty where results stay floats.
    order
        In which order it adds up, where that decides about the last bit: a key of ``cnnfilter.core.ordered.ORDERS``.
    root_mean
        Whether its gradient magnitude is the root of the mean of the squares, not of their sum.
    sizes
        Kernel sizes that it takes; empty for any.
    reference
        Where this is written down.
    note
        What else a user should know.
    """

    call: str
    flip: str = "none"
    padding: str = "same"
    padding_mode: str = "zeros"
    middle: str = "early"
    range: str = "stored"
    dtype: str = "float32"
    rounding: str = ""
    order: str = ""
    root_mean: bool = False
    sizes: tuple[tuple[int, ...], ...] = ()
    reference: str = ""
    note: str = ""

    def before(self, size: int, *, flip: bool) -> int:
        """Return how many of `size` cells lie before the middle of a kernel that is slid, turned round if `flip`."""
        late = (self.middle == "late") != flip
        return size // 2 if late else (size - 1) // 2

    def words(self) -> dict[str, str]:
        """Return the convention in words, for tables and dumps."""
        return {
            "call": self.call,
            "flip": {"none": "no", "both": "by 180 degrees", "rows": "upside down"}[self.flip],
            "border": "valid" if self.padding == "valid" else self.padding_mode,
            "middle of an even kernel": "size // 2" if self.middle == "late" else "(size - 1) // 2",
            "values": "0 to 1" if self.range == "unit" else "as stored",
            "computes in": self.dtype,
            "result": f"the picture's type, {ROUNDING_WORDS[self.rounding]}" if self.rounding else "floats",
        }


ROUNDING_WORDS = {
    "half-even": "rounded half to even, clipped",
    "half-up": "rounded half up, clipped",
    "half-away": "rounded half away from zero, clipped",
    "quantum": "through 16 bits: rounded there, then cut to 8 bits",
}

#: The tools whose conventions can be adopted.
CONVENTIONS = {
    "torch": Convention(
        call="torch.nn.functional.conv2d(image, kernel)",
        padding="valid",
        reference="PyTorch documentation, torch.nn.functional.conv2d",
        note="the defaults of this program are PyTorch's",
    ),
    "onnx": Convention(
        call="Conv", padding="valid",
        reference="ONNX operators, Conv",
        note="padding same is its SAME_UPPER: an odd surplus goes to the end",
    ),
    "scipy": Convention(
        call="scipy.ndimage.correlate(image.astype(float), kernel)",
        padding_mode="symmetric", middle="late", dtype="float64",
        reference="SciPy documentation, scipy.ndimage.correlate",
        note="its mode 'reflect' is called symmetric here; --flip gives scipy.ndimage.convolve; on an 8-bit array "
        "SciPy would cast each result to 8 bits without clipping, so convert to float first",
    ),
    "skimage": Convention(
        call="skimage.filters.correlate_sparse(skimage.util.img_as_float(image), kernel, mode='reflect')",
        padding_mode="symmetric", middle="late", range="unit", dtype="float64", root_mean=True,
        reference="scikit-image documentation, skimage.filters",
        note="its filters work on 0 to 1, mirror the border with the border pixel repeated, and scale edge kernels to "
        "an L1 norm of 2; magnitude is divided by the square root of 2",
    ),
    "opencv": Convention(
        call="cv2.filter2D(image, -1, kernel)",
        padding_mode="reflect", middle="late", rounding="half-even", order="fused",
        reference="OpenCV documentation, cv::filter2D; modules/imgproc/src/filter.simd.hpp, smooth.dispatch.cpp",
        note="gaussian is cv2.GaussianBlur, which on 8 bits computes in fixed point; --dtype float32 keeps floats, "
        "as ddepth does",
    ),
    "imagemagick": Convention(
        call="convert image -morphology Convolve kernel",
        flip="both", padding_mode="replicate", middle="early", dtype="float64", rounding="quantum",
        reference="ImageMagick, Usage: Convolution of Images; measured on 6.9.11 Q16",
    ),
    "pillow": Convention(
        call="image.filter(ImageFilter.Kernel(size, kernel, scale=1))",
        flip="rows", padding_mode="copy", rounding="half-up", order="rows", sizes=((3, 3), (5, 5)),
        reference="Pillow, src/libImaging/Filter.c",
        note="3x3 and 5x5 only; the lists of its own filters are upside down on the picture, which Pillow's kernels "
        "in this library have undone",
    ),
    "matlab": Convention(
        call="imfilter(image, kernel)",
        padding_mode="zeros", middle="early", dtype="float64", rounding="half-away",
        reference="MATLAB documentation, imfilter",
        note="from its documentation: not run against MATLAB",
    ),
}  # fmt: skip


def convention(tool: str) -> Convention:
    """Return the convention of a tool.

    Raises
    ------
    UnknownNameError
        If there is none of that name.

    Examples
    --------
    >>> convention("opencv").padding_mode
    'reflect'
    """
    return lookup(CONVENTIONS, tool, "tool")


def adopt_words(tool: str, words: dict[str, Any], given: frozenset[str]) -> dict[str, Any]:
    """Return the words of a job as a tool would have them; those that were given stay.

    Parameters
    ----------
    tool
        A key of ``CONVENTIONS``, or empty for none.
    words
        Values by name: padding, padding_mode, flip, range, dtype and others.
    given
        Names that the user typed.

    Examples
    --------
    >>> words = {"padding": "valid", "padding_mode": "zeros", "flip": False, "range": "stored", "dtype": "float32"}
    >>> adopt_words("opencv", words, frozenset(["padding"]))["padding_mode"]
    'reflect'
    """
    if not tool:
        return words
    its = convention(tool)
    copies = its.padding_mode == "copy" and not {"padding", "padding_mode"} & given
    adopted = {
        "padding": its.padding, "padding_mode": "replicate" if its.padding_mode == "copy" else its.padding_mode,
        "flip": its.flip == "both", "range": its.range, "dtype": its.dtype,
    }  # fmt: skip
    kept = {name: value for name, value in adopted.items() if name not in given}
    cast = bool(its.rounding) and "dtype" not in given
    return words | kept | {"tool": tool, "cast": cast, "copy_border": copies}


def adopt_spec(spec: str, tool: str, search: Sequence[Path]) -> str:
    """Return a kernel spec as a tool means it: with its variant, where the library knows one and none is typed.

    Examples
    --------
    >>> from cnnfilter.library import search_path
    >>> adopt_spec("sobel-x", "skimage", search_path())
    'sobel-x:variant=skimage'
    >>> adopt_spec("gaussian:sigma=2", "opencv", search_path())
    'gaussian:sigma=2,size=13,variant=opencv'
    """
    from cnnfilter.library.catalog import find

    parsed = parse_spec(spec)
    if parsed.kind != "name":
        return spec
    keys = dict(parsed.parameters)
    try:
        entry = find(parsed.body, "kernel", search)
    except UnknownNameError:
        return spec  # loading it says what is wrong
    variant = entry.data.get("variants", {}).get(tool)
    if variant is None or "variant" in keys:
        return spec
    if {"spec", "matrix", "outer"} & set(variant) and set(keys) - {"rotate", "scale", "normalize", "name"}:
        return spec  # the tool's kernel is another one, which has no such parameters
    more = []
    if (tool, entry.name) == ("opencv", "gaussian") and "size" not in keys and len(keys.get("sigma", ())) == 1:
        more.append(f"size={_opencv_size(keys['sigma'][0])}")  # as GaussianBlur does on 8 bits
    more.append(f"variant={tool}")
    return f"{spec}{',' if keys else ':'}{','.join(more)}"


def _opencv_size(sigma: str) -> int:
    """Return the side that GaussianBlur takes for a sigma on 8-bit pictures."""
    from cnnfilter.library.numbers import number

    return max(1, round(float(number(sigma)) * 6 + 1) | 1)


def load_as(spec: str, tool: str, search: Sequence[Path]) -> list[Kernel]:
    """Return the kernels of a spec as a tool means them, under the names that the spec itself gives, equal or not."""
    from dataclasses import replace

    from cnnfilter.library.load import kernels_as_named

    adopted = adopt_spec(spec, tool, search) if tool else spec
    kernels = kernels_as_named(adopted, search=search)
    if adopted == spec:
        return kernels
    plain = kernels_as_named(spec, search=search)
    return [replace(kernel, name=one.name) for kernel, one in zip(kernels, plain, strict=True)]
