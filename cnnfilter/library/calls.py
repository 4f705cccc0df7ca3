"""Which function of each tool a kernel of this library stands for, as a table: tool x kernel to the tool's call.

What a name means is the tool's business: ``gaussian:sigma=2`` is 13 taps in ``cv2.GaussianBlur`` and 17 in
``scipy.ndimage.gaussian_filter``, which also differ at the border. The weights are those of the kernel's variant of
that tool (see the kernel files); here stands what else the tool's own function does, and how it is called. No NumPy
here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from cnnfilter.library.numbers import digits

#: Parameters of a kernel's formula by name, and with ``rows`` and ``columns`` its size.
Values = Mapping[str, Any]


class Function(NamedTuple):
    """A tool's own function for kernels of one name.

    Attributes
    ----------
    call
        How people write it; a text with parameters in braces, or what makes one. Empty where the function cannot do
        what the parameters ask for.
    takes
        Parameters of the formula that the function has too. Where others are given it is not meant.
    border
        A padding mode, where it is not the tool's usual one.
    middle
        ``early`` or ``late``, where the middle of an even kernel is not where it usually is in this tool.
    turns
        Whether it turns the weights by 180 degrees, as a tool's variant has them.
    method
        A key of ``cnnfilter.run.adopt.METHODS`` where its arithmetic is not that of the tool's usual filter.
    """

    call: str | Callable[[Values], str]
    takes: tuple[str, ...] = ()
    border: str = ""
    middle: str = ""
    turns: bool = False
    method: str = ""

    def text(self, values: Values) -> str:
        """Return the call with numbers in it."""
        if not isinstance(self.call, str):
            return self.call(values)
        return self.call.format(**{name: _shown(value) for name, value in values.items()})


def _shown(value: object) -> str:
    """Return a parameter as code shows it."""
    return digits(value) if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def _sigma(values: Values) -> str:
    """Return the width of a Gaussian: the given one, or that of each side."""
    if values["sigma"] is not None or values["size"] is None:
        return _shown(values["sigma"] or 1)
    widths = [round(0.3 * ((side - 1) / 2 - 1) + 0.8, 12) for side in (values["rows"], values["columns"])]
    return _shown(widths[0]) if widths[0] == widths[1] else f"({_shown(widths[0])}, {_shown(widths[1])})"


def _odd(values: Values) -> bool:
    """Say whether the kernel has a pixel in its middle."""
    return bool(values["rows"] % 2 and values["columns"] % 2)


def _square(values: Values) -> bool:
    """Say whether the kernel is as wide as high, and odd."""
    return _odd(values) and values["rows"] == values["columns"]


# -- OpenCV


def _gaussian_blur(values: Values) -> str:
    if not _odd(values):
        return ""
    size = "0, 0" if values["size"] is None else f"{values['columns']}, {values['rows']}"
    given = values["sigma"] is not None or values["size"] is None
    return f"cv2.GaussianBlur(image, ({size}), {_sigma(values) if given else 0})"


def _blur(values: Values) -> str:
    return f"cv2.blur(image, ({values['columns']}, {values['rows']}))"


def _sobel(values: Values) -> str:
    if values["dx"] + values["dy"] == 0:
        return ""
    return f"cv2.Sobel(image, -1, {values['dx']}, {values['dy']}, ksize={values['size']})"


def _get_gabor_kernel(values: Values) -> str:
    psi = values["psi"] - 90 * (values["part"] == "imaginary")
    numbers = (
        _shown(_gabor_sigma(values)), f"np.radians({_shown(values['theta'])})", _shown(values["wavelength"]),
        _shown(values["gamma"]), f"np.radians({_shown(psi)})",
    )  # fmt: skip
    size = f"({values['columns']}, {values['rows']})"
    return f"cv2.filter2D(image, -1, cv2.getGaborKernel({size}, {', '.join(numbers)}))"


def _gabor_sigma(values: Values) -> float:
    """Return the width of a Gabor function's Gaussian."""
    if values["sigma"] is not None:
        return float(values["sigma"])
    ratio = 2 ** values["bandwidth"]
    return float(values["wavelength"] / math.pi * math.sqrt(math.log(2) / 2) * (ratio + 1) / (ratio - 1))


_GABOR = ("theta", "wavelength", "sigma", "bandwidth", "gamma", "psi", "size")

_OPENCV = {
    "sobel-x": Function("cv2.Sobel(image, -1, 1, 0)"),
    "sobel-y": Function("cv2.Sobel(image, -1, 0, 1)"),
    **dict.fromkeys(("sobel-xx", "sobel-yy", "sobel-xy", "sobel-5-x", "sobel-5-y", "sobel-5-xx", "sobel-5-yy",
                     "sobel-5-xy", "sobel-7-x", "sobel-7-y", "sobel"), Function(_sobel, ("size", "dx", "dy"))),
    "scharr-x": Function("cv2.Scharr(image, -1, 1, 0)"),
    "scharr-y": Function("cv2.Scharr(image, -1, 0, 1)"),
    "laplacian-4": Function("cv2.Laplacian(image, -1)"),
    **dict.fromkeys(("laplacian-opencv", "laplacian-5", "laplacian-7"),
                    Function("cv2.Laplacian(image, -1, ksize={size})", ("size",))),
    "gaussian": Function(_gaussian_blur, ("sigma", "size"), method="opencv-gaussian"),
    "box": Function(_blur, ("size",), method="opencv-blur"),
    "gabor": Function(_get_gabor_kernel, _GABOR),
    "gabor-sine": Function(_get_gabor_kernel, _GABOR),
}  # fmt: skip


# -- SciPy


def _radius(values: Values) -> str:
    """Return the argument that fixes a Gaussian's size, where one is given."""
    if values["size"] is None:
        return ""
    rows, columns = values["rows"] // 2, values["columns"] // 2
    return f", radius={rows if rows == columns else (rows, columns)}"


def _gaussian_filter(values: Values) -> str:
    if not _odd(values):
        return ""
    return f"scipy.ndimage.gaussian_filter(image.astype(float), {_sigma(values)}{_radius(values)})"


def _gaussian_order(values: Values) -> str:
    order = f"order=({values['dy']}, {values['dx']})"
    return f"scipy.ndimage.gaussian_filter(image.astype(float), {_sigma(values)}, {order}{_radius(values)})"


def _gaussian_laplace(values: Values) -> str:
    return f"scipy.ndimage.gaussian_laplace(image.astype(float), {_sigma(values)}{_radius(values)})"


_DERIVATIVE = Function(_gaussian_order, ("sigma", "size", "dx", "dy"))

_SCIPY = {
    "sobel-x": Function("scipy.ndimage.sobel(image.astype(float), axis=1)"),
    "sobel-y": Function("scipy.ndimage.sobel(image.astype(float), axis=0)"),
    "sobel": Function("scipy.ndimage.sobel(image.astype(float), axis=1)"),
    "prewitt-x": Function("scipy.ndimage.prewitt(image.astype(float), axis=1)"),
    "prewitt-y": Function("scipy.ndimage.prewitt(image.astype(float), axis=0)"),
    "laplacian-4": Function("scipy.ndimage.laplace(image.astype(float))"),
    "gaussian": Function(_gaussian_filter, ("sigma", "size")),
    **dict.fromkeys(("gaussian-derivative", "gaussian-x", "gaussian-y", "gaussian-xx", "gaussian-xy", "gaussian-yy"),
                    _DERIVATIVE),
    "log": Function(_gaussian_laplace, ("sigma", "size")),
    "box": Function("scipy.ndimage.uniform_filter(image.astype(float), size=({rows}, {columns}))", ("size",)),
}  # fmt: skip


# -- scikit-image


def _skimage_gaussian(values: Values) -> str:
    sigma = _sigma(values)
    if values["size"] is None:
        return f"skimage.filters.gaussian(image, {sigma})"
    if not _square(values):
        return ""
    return f"skimage.filters.gaussian(image, {sigma}, truncate={values['rows'] // 2}/{sigma})"


def _difference_of_gaussians(values: Values) -> str:
    high = values["sigma2"] if values["sigma2"] is not None else 1.6 * values["sigma1"]
    if high < values["sigma1"]:
        return ""
    second = "" if values["sigma2"] is None else f", {_shown(high)}"
    return f"skimage.filters.difference_of_gaussians(image, {_shown(values['sigma1'])}{second})"


def _skimage_gabor(values: Values) -> str:
    width = f"bandwidth={_shown(values['bandwidth'])}"
    if values["sigma"] is not None:
        width = f"sigma_x={_shown(values['sigma'])}, sigma_y={_shown(values['sigma'] / values['gamma'])}"
    elif values["gamma"] != 1:
        return ""
    angles = f"np.radians({_shown(values['theta'])}), {width}, offset=np.radians({_shown(values['psi'])})"
    part = int(values["part"] == "imaginary")
    return f"skimage.filters.gabor(img_as_float(image), 1/{_shown(values['wavelength'])}, {angles})[{part}]"


_SKIMAGE_GABOR = Function(_skimage_gabor, ("theta", "wavelength", "sigma", "bandwidth", "gamma", "psi"), turns=True)

_SKIMAGE = {
    **{f"{name}-{axis}": Function(f"skimage.filters.{name}_{letter}(image)")
       for name in ("sobel", "scharr", "prewitt", "farid") for axis, letter in (("x", "v"), ("y", "h"))},
    "sobel": Function("skimage.filters.sobel_v(image)"),
    "roberts-1": Function("skimage.filters.roberts_pos_diag(image)", middle="early"),
    "roberts-2": Function("skimage.filters.roberts_neg_diag(image)", middle="early"),
    "laplacian-4": Function("skimage.filters.laplace(image)"),
    "gaussian": Function(_skimage_gaussian, ("sigma", "size"), border="replicate"),
    "dog": Function(_difference_of_gaussians, ("sigma1", "sigma2"), border="replicate"),
    "unsharp": Function("skimage.filters.unsharp_mask(image, {sigma}, {amount})", ("sigma", "amount"),
                        method="clip-unit"),
    "gabor": _SKIMAGE_GABOR,
    "gabor-sine": _SKIMAGE_GABOR,
}  # fmt: skip


# -- ImageMagick: its own kernels stand in this library as they act, turned over already

#: ImageMagick turns its compass kernels clockwise, beginning with the one that answers what is brighter on the right.
_COMPASS = {"e": 0, "se": 45, "s": 90, "sw": 135, "w": 180, "nw": 225, "n": 270, "ne": 315}


def _convolve(kernel: str) -> Function:
    """Return the call of a kernel that ImageMagick knows by name."""
    return Function(f"convert image -morphology Convolve {kernel}")


def _own_gaussian(values: Values) -> str:
    if not _square(values):
        return ""
    radius = 0 if values["size"] is None else values["rows"] // 2
    return f"convert image -morphology Convolve Gaussian:{radius}x{_sigma(values)}"


def _own_log(values: Values) -> str:
    radius = 0 if values["size"] is None else values["rows"] // 2
    return f"convert image -morphology Convolve LoG:{radius}x{_sigma(values)}" if _square(values) else ""


def _own_dog(values: Values) -> str:
    radius = 0 if values["size"] is None else values["rows"] // 2
    widths = f"{_shown(values['sigma1'])},{_shown(values['sigma2'] or 1.6)}"
    return f"convert image -morphology Convolve DoG:{radius},{widths}" if _square(values) else ""


def _edge(values: Values) -> str:
    return f"convert image -edge {values['rows'] // 2}" if _square(values) and values["rows"] > 1 else ""


def _sharpen(values: Values) -> str:
    radius = 0 if values["size"] is None else values["rows"] // 2
    return f"convert image -sharpen {radius}x{_shown(values['sigma'])}" if _square(values) else ""


_IMAGEMAGICK = {
    "sobel-x": _convolve("Sobel"), "sobel-y": _convolve("Sobel:90"), "sobel": _convolve("Sobel"),
    "prewitt-x": _convolve("Prewitt"), "prewitt-y": _convolve("Prewitt:90"),
    "roberts-1": _convolve("Roberts:45"), "roberts-2": _convolve("Roberts:135"),
    **{f"{name}-{point}": _convolve(f"{kernel}:{angle}") for point, angle in _COMPASS.items()
       for name, kernel in (("kirsch", "Kirsch"), ("prewitt-compass", "Compass"), ("robinson", "Sobel"),
                            ("robinson-3", "Prewitt"))},
    "laplacian-8": _convolve("Laplacian:0"), "laplacian-4": _convolve("Laplacian:1"),
    **{f"laplacian-im-{kind}": _convolve(f"Laplacian:{kind}") for kind in (2, 3, 5, 7)},
    "log-5x5": _convolve("Laplacian:15"), "log-9x9": _convolve("Laplacian:19"),
    "gaussian": Function(_own_gaussian, ("sigma", "size")),
    "log": Function(_own_log, ("sigma", "size")),
    "dog": Function(_own_dog, ("sigma1", "sigma2", "size")),
    "edge-detect": Function(_edge, ("size",)),
    "sharpen": Function("convert image -sharpen 0x1"),
    "sharpen-imagemagick": Function(_sharpen, ("sigma", "size")),
}  # fmt: skip


# -- Pillow


def _box_blur(values: Values) -> str:
    if not _odd(values):
        return ""
    rows, columns = values["rows"] // 2, values["columns"] // 2
    return f"image.filter(ImageFilter.BoxBlur({rows if rows == columns else (columns, rows)}))"


_PILLOW_FILTERS = {
    **{f"pillow-{name}": name for name in ("blur", "contour", "detail", "edge-enhance", "edge-enhance-more", "emboss",
                                           "find-edges", "sharpen", "smooth", "smooth-more")},
    "contour": "contour", "detail": "detail", "edge-enhance": "edge-enhance", "sharpen-diagonal": "edge-enhance-more",
    "emboss": "emboss", "edge-detect": "find-edges", "sharpen": "sharpen",
}  # fmt: skip

_PILLOW = {
    **{name: Function(f"image.filter(ImageFilter.{own.upper().replace('-', '_')})")
       for name, own in _PILLOW_FILTERS.items()},
    "box": Function(_box_blur, ("size",), border="replicate", method="pillow-box"),
    "gaussian": Function("image.filter(ImageFilter.GaussianBlur({sigma}))", ("sigma",), border="replicate",
                         method="pillow-gaussian"),
}  # fmt: skip


# -- MATLAB


def _imgaussfilt(values: Values) -> str:
    if not _odd(values):
        return ""
    size = "" if values["size"] is None else f", 'FilterSize', [{values['rows']} {values['columns']}]"
    return f"imgaussfilt(image, {_sigma(values)}{size})"


def _fspecial_log(values: Values) -> str:
    return f"imfilter(image, fspecial('log', [{values['rows']} {values['columns']}], {_sigma(values)}))"


_MATLAB = {
    "sobel-x": Function("imfilter(image, fspecial('sobel')')"),
    "sobel-y": Function("imfilter(image, fspecial('sobel'))"),
    "sobel": Function("imfilter(image, fspecial('sobel')')"),
    "prewitt-x": Function("imfilter(image, fspecial('prewitt')')"),
    "prewitt-y": Function("imfilter(image, fspecial('prewitt'))"),
    "laplacian-4": Function("imfilter(image, fspecial('laplacian', 0.2))"),
    "laplacian-alpha": Function("imfilter(image, fspecial('laplacian', {alpha}))", ("alpha",)),
    "box": Function("imfilter(image, fspecial('average', [{rows} {columns}]))", ("size",)),
    "gaussian": Function(_imgaussfilt, ("sigma", "size"), border="replicate"),
    "log": Function(_fspecial_log, ("sigma", "size")),
    "unsharp": Function("imfilter(image, fspecial('unsharp'))"),
}

#: For each tool, the kernels of this library that it has a function or a kernel of its own for.
CALLS: dict[str, dict[str, Function]] = {
    "opencv": _OPENCV,
    "scipy": _SCIPY,
    "skimage": _SKIMAGE,
    "imagemagick": _IMAGEMAGICK,
    "pillow": _PILLOW,
    "matlab": _MATLAB,
}
#: Names that are another kernel's alias here, and a filter of its own there.
OWN_NAMES = {("pillow", "blur"): "pillow-blur"}
