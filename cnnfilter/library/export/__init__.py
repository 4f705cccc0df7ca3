"""A kernel as code of other tools, as a command, or as a file: what `kernels export` prints.

Each result does what ``cnnfilter convolve IMAGE -k KERNEL`` does, with the border and the type of results that are
usual in that tool; where the tool turns kernels over, the kernel is written the other way round, so that the picture
comes out the same. A kernel that was loaded as the tool means it (`cnnfilter.library.load.load_kernels`), and that
the tool has a function for, becomes a call of that function.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cnnfilter.errors import ParameterError, ShapeError, lookup
from cnnfilter.library.export import c, commands, data, scripts
from cnnfilter.library.kernel import Kernel

#: Code or command for one kernel: called with the kernel and the picture's name.
PROGRAMS: dict[str, Callable[[Kernel, str], str]] = {
    "python": scripts.numpy,
    "torch": scripts.torch,
    "opencv": scripts.opencv,
    "scipy": scripts.scipy,
    "pillow": scripts.pillow,
    "imagemagick": commands.imagemagick,
    "vips": commands.vips,
    "gmic": commands.gmic,
    "ffmpeg": commands.ffmpeg,
    "c": c.program,
}
#: Programs that can add up over channels.
DEEP = ("python", "torch")
#: Files that hold any number of kernels.
FILES: dict[str, Callable[[Sequence[Kernel]], bytes]] = {
    "json": data.json_file,
    "yaml": data.yaml_file,
    "npy": data.npy_file,
}
TARGETS = (*PROGRAMS, *FILES)


def export(kernels: Sequence[Kernel], to: str, image: str = "image.png") -> bytes:
    """Return kernels as code, a command or a file.

    Parameters
    ----------
    kernels
        One, or for json, yaml and npy any number.
    to
        One of ``TARGETS``.
    image
        The picture that the code reads.

    Returns
    -------
    bytes
        UTF-8 text, or an npy file.

    Raises
    ------
    UnknownNameError
        If there is no such target.
    ParameterError
        If several kernels are given where one is needed.
    ShapeError
        If the tool cannot apply a kernel of this shape.

    Examples
    --------
    >>> from cnnfilter import load_kernel
    >>> print(export([load_kernel("sobel-x")], "gmic").decode().splitlines()[-1])
    gmic image.png '(-1,0,1;-2,0,2;-1,0,1)' correlate[0] [1] remove[1] output out.tif,float
    """
    lookup(dict.fromkeys(TARGETS), to, "export target")
    if to in FILES:
        return FILES[to](kernels)
    if len(kernels) != 1:
        raise ParameterError(
            f"--to {to} takes one kernel, these are {len(kernels)} (name one, such as {kernels[0].spec!r}, or use "
            f"--to {', '.join(FILES)})"
        )
    (kernel,) = kernels
    if kernel.weights.ndim == 3 and to not in DEEP:
        raise ShapeError(
            f"{kernel.name} is {len(kernel.weights)} channels deep, and {to} filters channels one by one "
            f"(--to {' or '.join(DEEP)})"
        )
    return PROGRAMS[to](kernel, image).encode()
