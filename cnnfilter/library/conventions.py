"""What each tool means by filtering a picture with a kernel, as a table. No NumPy here.

Every row was held against the tool where it can be installed (the tests do it again): flip, border, where the middle
of an even kernel lies, the type that it computes in, and how a result becomes a pixel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from cnnfilter.errors import lookup

if TYPE_CHECKING:
    pass


class Convention(NamedTuple):
    """How one tool filters.

    Attributes
    ----------
    call
        The function or command that any kernel is handed to; `cnnfilter.library.calls` knows those with a name.
    flip
        What it does to the kernel before it slides it: ``none``, ``both`` (180 degrees) or ``rows`` (upside down).
    padding, padding_mode
        The border, in this program's words; ``copy`` leaves the border pixels as they were.
    middle
        Of an even kernel: ``late``, ``size // 2``, or ``early``, ``(size - 1) // 2``, counted in the kernel as given.
    range, dtype
        What pixels of whole numbers are scaled to (floats are taken as they are), and the type that it computes in.
    doubles
        Whether it computes in float64 where the picture is.
    rounding
        How a result becomes a whole number in the picture's own type: a key of ``cnnfilter.core.exact.ROUNDINGS``;
        empty where results stay floats.
    order
        In which order it adds up, where that decides about the last bit: a key of ``cnnfilter.core.exact.ORDERS``.
    gray
        How three colours become one: a key of ``cnnfilter.run.source.GRAYS``.
    alpha
        What it does to transparency: ``carried`` over, ``filtered`` like a colour, or ``weighted``: colours count by
        their opacity.
    root_mean
        Whether its gradient magnitude is the root of the mean of the squares, not of their sum.
    sizes
        Kernel sizes that it takes; empty for any.
    reference
        Where this is written down.
    note
        What else a user should know.
    differs
        How far results may be from the tool's own: the tests hold them to it.
    """

    call: str
    flip: str = "none"
    padding: str = "same"
    padding_mode: str = "zeros"
    middle: str = "early"
    range: str = "stored"
    dtype: str = "float32"
    doubles: bool = False
    rounding: str = ""
    order: str = ""
    gray: str = "bt601"
    alpha: str = "carried"
    root_mean: bool = False
    sizes: tuple[tuple[int, ...], ...] = ()
    reference: str = ""
    note: str = ""
    differs: str = ""

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
            "values": "0 to 1 (floats as stored)" if self.range == "unit" else "as stored",
            "gray": GRAY_WORDS[self.gray],
            "transparency": ALPHA_WORDS[self.alpha],
            "computes in": self.dtype,
            "result": f"the picture's type, {ROUNDING_WORDS[self.rounding]}" if self.rounding else "floats",
        }


ROUNDING_WORDS = {
    "half-even": "rounded half to even, clipped",
    "half-up": "rounded half up, clipped",
    "half-away": "rounded half away from zero, clipped",
    "quantum": "through 16 bits: rounded there, then cut to 8 bits",
    "clip-unit": "clipped to 0..1",
}
GRAY_WORDS = {
    "bt601": "0.299 0.587 0.114",
    "opencv": "0.299 0.587 0.114, of whole numbers in 15 bits and rounded",
    "pillow": "0.299 0.587 0.114, in 16 bits and rounded",
    "skimage": "0.2125 0.7154 0.0721",
    "imagemagick": "0.212656 0.715158 0.072186, rounded at 16 bits",
    "matlab": "0.2989 0.5870 0.1140, of whole numbers rounded",
}
ALPHA_WORDS = {
    "carried": "carried over",
    "filtered": "filtered like a colour",
    "weighted": "filtered, and colours count by their opacity",
}

#: The tools whose conventions can be adopted.
CONVENTIONS = {
    "torch": Convention(
        call="torch.nn.functional.conv2d(image, kernel)",
        padding="valid",
        reference="PyTorch documentation, torch.nn.functional.conv2d",
        note="the defaults of this program are PyTorch's",
        differs="sums of float32 in another order, by 1e-6 of the sum of the absolute products",
    ),
    "onnx": Convention(
        call="Conv", padding="valid",
        reference="ONNX operators, Conv",
        note="padding same is its SAME_UPPER: an odd surplus goes to the end",
        differs="as with torch",
    ),
    "scipy": Convention(
        call="scipy.ndimage.correlate(image.astype(float), kernel)",
        padding_mode="symmetric", middle="late", dtype="float64",
        reference="SciPy documentation, scipy.ndimage.correlate",
        note="its mode 'reflect' is called symmetric here; --flip gives scipy.ndimage.convolve; on an 8-bit array "
        "SciPy would cast each result to 8 bits without clipping, so convert to float first",
        differs="sums of float64 in another order, by 1e-11 of the largest value; with a border constant:VALUE the "
        "functions that take one axis after the other put VALUE between them too, and differ at the border",
    ),
    "skimage": Convention(
        call="skimage.filters.correlate_sparse(img_as_float(image), kernel, mode='reflect')",
        padding_mode="symmetric", middle="late", range="unit", dtype="float64", gray="skimage", root_mean=True,
        reference="scikit-image documentation, skimage.filters",
        note="whole numbers become 0 to 1, floats stay; each channel by itself (channel_axis=-1); edge kernels have an "
        "L1 norm of 2, and magnitude is divided by the square root of 2",
        differs="float32 pictures are computed in float64 here, by 1e-5 of the largest value; others by 1e-11 of it",
    ),
    "opencv": Convention(
        call="cv2.filter2D(image, -1, kernel)",
        padding_mode="reflect", middle="late", doubles=True, rounding="half-even", order="fused", gray="opencv",
        alpha="filtered",
        reference="OpenCV documentation, cv::filter2D; modules/imgproc/src/filter.simd.hpp, smooth.dispatch.cpp",
        note="GaussianBlur and blur compute whole numbers in fixed point, and so does this; --dtype float32 keeps "
        "floats, as ddepth does",
        differs="pixels of 8 bits not at all, but by 1 where OpenCV takes its DFT (kernels from 130 cells on) and in "
        "the last three columns beside transparency; of 16 bits by 1, or by 1e-7 of the sum of the absolute products; "
        "floats by 2e-6 of that sum; a box of two cells keeps white, which cv2.blur of OpenCV 5.0 makes black",
    ),
    "imagemagick": Convention(
        call="convert image -morphology Convolve kernel",
        flip="both", padding_mode="replicate", middle="early", dtype="float64", rounding="quantum", order="forward",
        gray="imagemagick", alpha="weighted",
        reference="ImageMagick, Usage: Convolution of Images; measured on 6.9.11 Q16",
        note="its own kernels act as it turns them",
        differs="not at all; beside transparency by 1, and with a kernel that sums to 0, by which it divides there, by "
        "noise; floats are not cut to 16 bits as there",
    ),
    "pillow": Convention(
        call="image.filter(ImageFilter.Kernel(size, kernel, scale=1))",
        flip="rows", padding_mode="copy", rounding="half-up", order="rows", sizes=((3, 3), (5, 5)), gray="pillow",
        alpha="filtered",
        reference="Pillow, src/libImaging/Filter.c, BoxBlur.c",
        note="kernels of 3x3 and 5x5 only; the lists of its own filters are upside down on the picture, which "
        "Pillow's kernels in this library have undone; BoxBlur and GaussianBlur are its passes in fixed point",
        differs="not at all",
    ),
    "matlab": Convention(
        call="imfilter(image, kernel)",
        padding_mode="zeros", middle="early", dtype="float64", rounding="half-away", gray="matlab",
        reference="MATLAB documentation, imfilter",
        differs="from its documentation, not run against MATLAB; fspecial's disk and motion are not followed",
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
    typed = tuple(sorted(given & set(adopted)))
    return words | kept | {"tool": tool, "cast": cast, "copy_border": copies, "typed": typed}
