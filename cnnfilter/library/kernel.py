"""What the library hands out: a kernel, and a filter bank of kernels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from cnnfilter.errors import ShapeError
from cnnfilter.library.spec import Spec, parse_spec

#: Where a kernel comes from that no file holds.
IN_PLACE = "in place"


class Own(NamedTuple):
    """What a kernel is to the tool whose convention is adopted, where that has a function or kernel of its own for it.

    Attributes
    ----------
    tool
        Whose: a key of ``cnnfilter.library.conventions.CONVENTIONS``.
    call
        How people write it, as in ``cv2.GaussianBlur(image, (0, 0), 2)``; empty where these weights are merely handed
        to the tool's usual filter.
    border, middle, turns, method
        As in `cnnfilter.library.calls.Function`.
    sigma
        The width that the call was made with, where it has one.
    deep
        The kernel for pictures of more than 8 bits, where that is another one.
    """

    tool: str
    call: str = ""
    border: str = ""
    middle: str = ""
    turns: bool = False
    method: str = ""
    sigma: float = 1.0
    deep: Kernel | None = None


@dataclass(frozen=True, eq=False)
class Kernel:
    """One set of weights, with its name and where it comes from.

    Parameters
    ----------
    name
        A label that is safe in file names, such as ``gabor-theta22.5``.
    spec
        How to type it: ``load_kernel(kernel.spec)`` gives the same weights.
    weights
        float64, read-only, ``(kH, kW)`` or ``(C, kH, kW)``.
    title, family, source, formula
        From the library: what it is, its shelf, the paper or standard, and how it is computed.
    origin
        The file that holds it, or ``in place``.
    warnings
        What the user should know about these weights, such as a size that cuts off too much.
    offset
        What the tool that this variant comes from adds to each 8-bit result; cnnfilter adds nothing by itself.
    own
        What it is to a tool whose convention is adopted; None elsewhere, and for kernels that the tool has not.
    """

    name: str
    spec: str
    weights: NDArray[np.float64]
    title: str = ""
    family: str = ""
    source: str = ""
    formula: str = ""
    origin: str = IN_PLACE
    warnings: tuple[str, ...] = ()
    offset: float = 0.0
    own: Own | None = None

    def __post_init__(self) -> None:
        weights = np.array(self.weights, dtype=np.float64)  # a copy: nobody else can change it
        weights.setflags(write=False)
        object.__setattr__(self, "weights", weights)

    def __reduce__(self) -> tuple[type[Kernel], tuple[Any, ...]]:
        return type(self), tuple(getattr(self, one.name) for one in fields(self))  # a copy is read-only too

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the weights."""
        return self.weights.shape

    @cached_property
    def parts(self) -> Spec:
        """The spec in its parts, read once."""
        return parse_spec(self.spec)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.weights, dtype=dtype, copy=copy)

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        from cnnfilter.library.notebook import kernel_html  # nothing else needs what escapes HTML

        return kernel_html(self.name, self.title, self.weights)

    def _repr_png_(self) -> bytes:
        """Return what a notebook shows where it shows no HTML."""
        from cnnfilter.library.pictures import kernel_png

        return kernel_png(self)


@dataclass(frozen=True, eq=False)
class FilterBank(Sequence[Kernel]):
    """Several kernels in order, under one name.

    Parameters
    ----------
    name
        The spec or bank that they come from.
    kernels
        The kernels.
    """

    name: str
    kernels: tuple[Kernel, ...]

    @overload
    def __getitem__(self, index: int) -> Kernel: ...
    @overload
    def __getitem__(self, index: slice) -> FilterBank: ...
    def __getitem__(self, index: int | slice) -> Kernel | FilterBank:
        if isinstance(index, slice):
            return FilterBank(self.name, self.kernels[index])
        return self.kernels[index]

    def __len__(self) -> int:
        return len(self.kernels)

    def __iter__(self) -> Iterator[Kernel]:
        return iter(self.kernels)

    @property
    def weights(self) -> NDArray[np.float64]:
        """All weights, float64, ``(K, C, kH, kW)``; 2-D kernels have C = 1.

        Raises
        ------
        ShapeError
            If the kernels have several sizes.
        """
        planes = [kernel.weights if kernel.weights.ndim == 3 else kernel.weights[None] for kernel in self.kernels]
        shapes = sorted({plane.shape for plane in planes})
        if len(shapes) != 1:
            sizes = ", ".join("x".join(map(str, shape[1:] if shape[0] == 1 else shape)) for shape in shapes[:4])
            raise ShapeError(
                f"bank {self.name!r} holds kernels of {len(shapes)} sizes ({sizes}): one array needs one size "
                "(give a size, or use the kernels one by one)"
            )
        return np.stack(planes)  # (K, C, kH, kW)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("a filter bank has no single array to share: copy must not be False")
        return np.array(self.weights, dtype=dtype)

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        from cnnfilter.library.notebook import bank_html

        return bank_html(self)

    def _repr_png_(self) -> bytes:
        """Return what a notebook shows where it shows no HTML."""
        from cnnfilter.library.pictures import kernels_png

        return kernels_png(self)
