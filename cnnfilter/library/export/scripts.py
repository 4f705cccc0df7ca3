"""Python code: NumPy alone, PyTorch, OpenCV, SciPy, Pillow."""

from __future__ import annotations

import numpy as np

from cnnfilter.errors import ShapeError
from cnnfilter.library.export.text import header, python_array
from cnnfilter.library.kernel import Kernel
from cnnfilter.library.numbers import digits

_READ = """\
import numpy as np
from PIL import Image

image = np.asarray(Image.open({image!r}).convert({mode!r}), dtype=np.{dtype})
kernel = {kernel}
"""


def _read(kernel: Kernel, image: str, *, dtype: str = "float64") -> str:
    """Return the lines that read the picture, gray or, for a deep kernel, in colour."""
    mode = "RGB" if kernel.weights.ndim == 3 else "L"
    return _READ.format(image=image, mode=mode, dtype=dtype, kernel=python_array(kernel.weights))


def numpy(kernel: Kernel, image: str) -> str:
    """Return code for NumPy alone."""
    rows, columns = kernel.weights.shape[-2:]
    axes = "(0, 1)" if kernel.weights.ndim == 2 else "(1, 2)"
    more = "kernel not flipped, only whole windows: the map is smaller than the picture"
    planes = "" if kernel.weights.ndim == 2 else "image = np.moveaxis(image, -1, 0)  # channels first\n"
    sums = "ij, hwij -> hw" if kernel.weights.ndim == 2 else "cij, chwij -> hw"
    return (
        header(kernel, more=more)
        + _read(kernel, image)
        + planes
        + f"windows = np.lib.stride_tricks.sliding_window_view(image, ({rows}, {columns}), axis={axes})\n"
        + f'out = np.einsum("{sums}", kernel, windows)\n'
        + 'np.save("out.npy", out)\n'
    )


def torch(kernel: Kernel, image: str) -> str:
    """Return code for PyTorch."""
    more = "kernel not flipped, only whole windows: the map is smaller than the picture"
    lead = "[None, None]" if kernel.weights.ndim == 2 else "[None]"
    order = "" if kernel.weights.ndim == 2 else ".permute(2, 0, 1)"
    read = _read(kernel, image, dtype="float32")
    return (
        header(kernel, more=more)
        + read.replace("import numpy as np\n", "import numpy as np\nimport torch\n")
        + f"weight = torch.tensor(kernel, dtype=torch.float32){lead}  # (K, C, kH, kW)\n"
        + f"batch = torch.tensor(image){order}{'[None]' if order else lead}  # (N, C, H, W)\n"
        + "out = torch.nn.functional.conv2d(batch, weight)[0, 0]\n"
        + 'np.save("out.npy", out.numpy())\n'
    )


def own_call(kernel: Kernel) -> str:
    """Return the call of the tool's own function for a kernel that was loaded as the tool means it, or nothing."""
    return kernel.own.call if kernel.own is not None else ""


def opencv(kernel: Kernel, image: str) -> str:
    """Return code for OpenCV."""
    if own_call(kernel):
        more = "cv2.CV_32F in place of -1 keeps negative and large results" if ", -1, " in own_call(kernel) else ""
        return (
            header(kernel, more=more)
            + "import cv2\n"
            + ("import numpy as np\n" if "np." in own_call(kernel) else "")
            + f"\nimage = cv2.imread({image!r})\nout = {own_call(kernel)}\n"
            + 'cv2.imwrite("out.png", out)\n'
        )
    more = "kernel not flipped, border reflected (BORDER_REFLECT_101), results rounded and clipped to 0..255;\n"
    more += "cv2.CV_32F in place of -1 keeps negative and large results"
    return (
        header(kernel, more=more)
        + "import cv2\nimport numpy as np\n\n"
        + f"image = cv2.imread({image!r})\n"
        + f"kernel = {python_array(kernel.weights)}\n"
        + "out = cv2.filter2D(image, -1, kernel)\n"
        + 'cv2.imwrite("out.png", out)\n'
    )


def scipy(kernel: Kernel, image: str) -> str:
    """Return code for SciPy."""
    if own_call(kernel):
        return (
            header(kernel)
            + "import numpy as np\nimport scipy.ndimage\nfrom PIL import Image\n\n"
            + f'image = np.asarray(Image.open({image!r}).convert("L"))\nout = {own_call(kernel)}\n'
            + 'np.save("out.npy", out)\n'
        )
    more = "kernel not flipped (convolve would flip it), border mirrored, the border pixel repeated"
    return (
        header(kernel, more=more)
        + _read(kernel, image).replace("from PIL import Image\n", "from PIL import Image\nfrom scipy import ndimage\n")
        + 'out = ndimage.correlate(image, kernel, mode="reflect")\n'
        + 'np.save("out.npy", out)\n'
    )


def pillow(kernel: Kernel, image: str) -> str:
    """Return code for Pillow."""
    if own_call(kernel):
        return (
            header(kernel)
            + f"from PIL import Image, ImageFilter\n\nimage = Image.open({image!r})\nout = {own_call(kernel)}\n"
            + 'out.save("out.png")\n'
        )
    rows, columns = kernel.weights.shape
    if (rows, columns) not in ((3, 3), (5, 5)):
        raise ShapeError(f"{kernel.name}: Pillow takes kernels of 3x3 or 5x5, got {rows}x{columns} (--to scipy)")
    weights = np.flipud(kernel.weights)
    lines = ",\n".join("    " + ", ".join(digits(value) for value in row) for row in weights)
    offset = f", offset={digits(kernel.offset)}" if kernel.offset else ""
    more = "Pillow's first row acts at the bottom, so the rows are upside down here; border pixels stay as they are,\n"
    more += "results are rounded and clipped to 0..255"
    return (
        header(kernel, more=more)
        + "from PIL import Image, ImageFilter\n\n"
        + f"weights = [\n{lines},\n]\n"
        + f"image = Image.open({image!r})\n"
        + f"out = image.filter(ImageFilter.Kernel(({columns}, {rows}), weights, scale=1{offset}))\n"
        + 'out.save("out.png")\n'
    )
