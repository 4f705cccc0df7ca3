"""What every kind of layer is made of: its entry in a file, what reads it, its record, and what flows through it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NamedTuple, NoReturn

import numpy as np
from msgspec import Meta, Struct, field

from cnnfilter.core.arrays import Array, exactly
from cnnfilter.core.receptive import EVERYTHING, ReceptiveField
from cnnfilter.core.shapes import PaddingLike, Pair, pair, resolve_pads
from cnnfilter.core.terms import Term
from cnnfilter.errors import ShapeError
from cnnfilter.library.document import Document
from cnnfilter.networks.place import Place
from cnnfilter.networks.weights import ARRAY_SUFFIXES, resolve_array, resolve_kernels

if TYPE_CHECKING:
    from cnnfilter.core.gradients.linear import Gradients
    from cnnfilter.networks.onnx_graph import Graph  # what exports it is only loaded to export

Name = Annotated[str, Meta(pattern=r"^\w[\w.+-]{0,79}$", description="Letters, digits, and . + - _ after the first.")]
Count = Annotated[int, Meta(ge=1)]
Size = Annotated[int | str | list[int], Meta(description="n, or rows and columns: 2, '2,3' or [2, 3].")]
Padding = Annotated[
    int | str | list[Any],
    Meta(description="valid, same, full, n, 'rows,cols', 'top,bottom,left,right' or [[top, bottom], [left, right]]."),
]
Weights = Annotated[
    int | float | str | list[Any],
    Meta(
        description="FILE.npz#NAME, FILE.npy or FILE.safetensors#NAME beside the network file; #NAME of the file that "
        "the network's own weights names; or numbers in place, as lists or as text whose rows end in a semicolon."
    ),
]


class LayerEntry(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """What every layer has."""

    #: Whether it takes two layers or more.
    joins: ClassVar[bool] = False

    name: Annotated[Name | None, Meta(description="Its kind and a number where left out: conv1.")] = None
    from_: Annotated[
        str | list[str], Meta(description="The layers that it takes, or input; the one before where left out.")
    ] = field(default=[], name="from")

    @classmethod
    def kind(cls) -> str:
        """Return the word for layers like this."""
        return str(cls.__struct_config__.tag)

    @property
    def called(self) -> str:
        """What a layer without a name is called, a number behind it."""
        return self.kind()

    def load(self, name: str, sources: tuple[str, ...], reader: Reader) -> Layer:
        """Return the layer: its words checked and made into numbers, its arrays read.

        Raises
        ------
        KernelFileError
            At the first word that is not understood, or means nothing there.
        """
        raise NotImplementedError


class Flow(NamedTuple):
    """What leaves a layer: its shape, and how it lies over the network's input."""

    shape: tuple[int, ...]
    field: ReceptiveField

    @property
    def maps(self) -> tuple[int, int, int]:
        """The shape, which must be that of maps."""
        if len(self.shape) != 3:
            raise ShapeError(f"it needs maps (C, H, W), got a vector of {self.shape[0]} (flatten comes after it)")
        channels, height, width = self.shape
        return channels, height, width

    @property
    def single(self) -> bool:
        """Whether each map is one cell: a window over it sees what it sees, and padding."""
        return self.shape[1:] == (1, 1)

    def everything(self) -> Flow:
        """Return the same shape, every value of which sees all that came in."""
        return self._replace(field=EVERYTHING)


class Backward(NamedTuple):
    """How a loss changes with what a layer was given: each input, and its arrays that are trained, by their keys."""

    inputs: tuple[Array, ...]
    arrays: Mapping[str, Array] = MappingProxyType({})


class LayerFacts(NamedTuple):
    """What a layer says of itself before it runs."""

    flow: Flow
    macs: int = 0
    rows: str = ""
    columns: str = ""
    dropped: Pair = (0, 0)
    engine: str = ""
    work_bytes: int = 0
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class Layer:
    """One layer of a network that was read: each kind is a record of its own, which plans, runs and exports itself.

    Parameters
    ----------
    name
        Unique in the network.
    sources
        The layers that it takes, or ``input``.
    """

    name: str
    sources: tuple[str, ...]

    #: The word for layers like this in a network file.
    kind: ClassVar[str]
    #: The fields that hold arrays; None where a layer has none.
    array_fields: ClassVar[tuple[str, ...]] = ()
    #: What a network is that ends in it: ``softmax``, ``log-softmax``, ``sigmoid``, ``linear``, ``other``; or nothing.
    ending: str = ""
    #: Whether it hands its values on as they are, or makes weighted sums of weighted sums.
    passes: bool = False
    keeps_sums: bool = False
    #: Whether it is a window that slides over maps.
    slides: ClassVar[bool] = False
    #: Whether it makes whole numbers of whole numbers, in their type.
    whole: ClassVar[bool] = False

    @property
    def arrays(self) -> dict[str, Array]:
        """Its arrays, by the key that names them in a file: ``weights``, ``bias``, ``mean``, ``variance``."""
        found = {key: getattr(self, key) for key in self.array_fields}
        return {key: array for key, array in found.items() if array is not None}

    @property
    def stored(self) -> dict[str, Array]:
        """Its arrays as a file holds them."""
        return self.arrays

    @property
    def parameters(self) -> int:
        """Numbers that training would have found."""
        return sum(array.size for array in self.arrays.values())

    @property
    def operation(self) -> str:
        """What it does, in a word."""
        return self.kind

    def in_type(self, dtype: np.dtype[Any]) -> Layer:
        """Return the layer with its arrays in the type that is computed in.

        Raises
        ------
        ParameterError
            If whole numbers are asked for, and an array holds fractions, or numbers that the type does not.
        """
        return self.with_arrays({
            key: exactly(array, dtype, f"layer {self.name!r}: {key}") if dtype.kind == "i" else array.astype(dtype)
            for key, array in self.arrays.items() if array.dtype != dtype
        })  # fmt: skip

    def with_arrays(self, arrays: Mapping[str, Array]) -> Layer:
        """Return the layer with other arrays, by their keys."""
        changed: dict[str, Any] = dict(arrays)
        return replace(self, **changed) if changed else self

    def channels(self, before: Sequence[int | None]) -> int | None:
        """Return how many channels leave it, where that is known without sizes."""
        return before[0]

    @property
    def open_shape(self) -> tuple[int | str, ...]:
        """What its arrays alone say of its shape."""
        return ("?",)

    def plan(self, inputs: Sequence[Flow], itemsize: int) -> LayerFacts:
        """Return shape, receptive field and cost, or say why the inputs do not fit."""
        raise NotImplementedError

    def run(self, inputs: Sequence[Array], threads: int | None) -> Array:
        """Return the output for inputs ``(N, C, H, W)`` or ``(N, n)``."""
        raise NotImplementedError

    def back(self, inputs: Sequence[Array], output: Array, flow: Array, *, first: bool = False) -> Backward:
        """Return the gradients of a loss with respect to inputs and arrays.

        Parameters
        ----------
        inputs, output
            What `run` was given, and what it returned.
        flow
            The gradient with respect to the output, in its shape.
        first
            Whether nothing is trained before the layer: a gradient of inputs that is dear is left out then.
        """
        raise NotImplementedError

    def while_training(self, draw: np.random.Generator) -> Layer:
        """Return the layer that stands in its place for one step of training."""
        return self

    def of_arrays(self, found: Gradients) -> Mapping[str, Array]:
        """Return the gradients of weights and bias by their keys, that of a single bias for all summed up."""
        made = {"weights": found.weights}
        bias = self.arrays.get("bias")
        if bias is not None:
            made["bias"] = (found.bias if bias.size > 1 else found.bias.sum(dtype=found.bias.dtype)).reshape(bias.shape)
        return made

    def terms(self, inputs: Sequence[Array], at: tuple[int, ...]) -> tuple[tuple[Term, ...], float]:
        """Return every product of one value, and its bias; none where it is no sum of products.

        Parameters
        ----------
        inputs
            Without a batch's axis: ``(C, H, W)`` or ``(n,)``.
        at
            The value: channel, row and column, or its number.
        """
        return (), 0.0

    def export(self, graph: Graph, shapes: Sequence[tuple[int, ...]]) -> None:
        """Add the layer to an ONNX graph; `shapes` are those of its inputs, without the batch's axis."""
        raise NotImplementedError

    def check_bias(self, maps: int) -> None:
        """Raise unless a bias is one number, or one for each output."""
        bias = self.arrays.get("bias")
        if bias is not None and bias.shape not in ((), (1,), (maps,)):
            raise ShapeError(f"bias {bias.shape} must be one number, or ({maps},)")

    def export_arrays(self, graph: Graph, maps: int) -> list[str]:
        """Store weights and bias under the names that PyTorch would give them."""
        arrays = self.arrays
        names = [graph.constant(arrays["weights"], f"{self.name}.weight")]
        if "bias" in arrays:
            bias = np.broadcast_to(np.asarray(arrays["bias"].reshape(-1), np.float64), (maps,))
            names.append(graph.constant(bias, f"{self.name}.bias"))
        return names


#: Weights of one layer that are drawn, at most.
MOST_DRAWN = 1 << 27


class Fresh(NamedTuple):
    """What draws weights for layers that have none yet, and the shapes that such a layer takes.

    Weights are normal numbers of variance ``2 / n``, n being the values that each sum is of, so that what a layer
    leaves is about as large as what it takes; a bias is 0. Filters that see the picture itself begin at a tenth of it:
    so what is seen of them later is what they learned, and not what they began with.

    References
    ----------
    .. [1] K. He, X. Zhang, S. Ren and J. Sun, "Delving deep into rectifiers", 2015, arXiv:1502.01852.
    """

    draw: np.random.Generator
    inputs: Sequence[tuple[int, ...]] = ()
    sees_picture: bool = False

    def weights(self, *shape: int) -> Array:
        """Return weights for ``shape[0]`` sums of everything else."""
        if math.prod(shape) > MOST_DRAWN:
            raise ShapeError(
                f"{' x '.join(map(str, shape))} weights are more than {MOST_DRAWN:,}: fewer are trained here"
            )
        spread = math.sqrt(2 / math.prod(shape[1:])) * (0.1 if self.sees_picture and len(shape) == 4 else 1)
        return (self.draw.standard_normal(shape) * spread).astype(np.float32)


class Reader:
    """Reads the values of one layer's entry; errors get the file, the line and the dotted field.

    Parameters
    ----------
    document, index
        Where the entry stands.
    entry
        The entry.
    folder, default
        Where files are, and which of them a text such as ``#conv1.weight`` means.
    before
        Channels of the layers that it takes, where they are known.
    files
        Gets the files that are read.
    fresh
        Draws what is to be trained; None where a network is to be run.
    """

    def __init__(
        self, document: Document, index: int, entry: LayerEntry, folder: Path, default: str,
        before: Sequence[int | None], files: list[Path], fresh: Fresh | None = None,
    ) -> None:  # fmt: skip
        self.fresh = fresh
        self.document, self.index, self.entry = document, index, entry
        self.folder, self.default, self.before, self.files = folder, default, before, files

    def fail(self, key: str, reason: str) -> NoReturn:
        """Raise for one key of the entry, or without a key for the whole."""
        self.document.fail(("layers", self.index, *([key] if key else [])), reason)

    def at(self, key: str) -> Place:
        """Return a block in which errors are those of one key."""
        return Place(self.document, ("layers", self.index, key))

    def pair(self, key: str, minimum: int = 1) -> Pair:
        """Return a key as rows and columns."""
        with self.at(key):
            return pair(getattr(self.entry, key), key, minimum=minimum)
        raise AssertionError

    def padding(self) -> PaddingLike:
        """Return the padding, whose form is checked: what it means depends on the size."""
        padding: PaddingLike = getattr(self.entry, "padding")  # noqa: B009 - only some entries have one
        with self.at("padding"):
            resolve_pads(padding, (9, 9), (1, 1), (1, 1), (1, 1))
        return padding

    def array(self, key: str) -> Array | None:
        """Return one array, or None where none is named."""
        value = getattr(self.entry, key)
        if value is None:
            return None
        with self.at(key):
            name = (value.partition("#")[0] or self.default) if isinstance(value, str) else ""
            if name.lower().endswith(ARRAY_SUFFIXES):
                self.files.append(self.folder / name)
            return resolve_array(value, self.folder, self.default)
        raise AssertionError

    def drawn(self, key: str) -> Fresh:
        """Return what draws the weights that a key only counts; refuse them where the network is to be run."""
        if self.fresh is None:
            self.fail(key, "says how many weights are to be trained, and there are none yet (cnnfilter train DATA "
                           "--network FILE finds them)")  # fmt: skip
        return self.fresh

    def kernels(self, specs: Sequence[str], groups: int) -> Array:
        """Return the filter bank that kernel specs make."""
        channels = self.before[0]
        with self.at("kernels"):
            depth = None if channels is None else max(1, channels // groups)
            bank, files = resolve_kernels(list(specs), self.folder, depth, groups)
            self.files += files
            return bank
        raise AssertionError

    def check_axes(self, weights: Array, *axes: str) -> Array:
        """Refuse weights of other axes than the kind of layer has, whether or not its input's size is known."""
        if weights.ndim != len(axes):
            has = f"shape {weights.shape}" if weights.ndim else "one number"
            self.fail("weights", f"expected ({', '.join(axes)}), got {has}")
        return weights


def bias_of(bias: Array | None, index: int) -> float:
    """Return the bias of one map or value."""
    return 0.0 if bias is None else float(bias.reshape(-1)[index if bias.size > 1 else 0])


def place_of(at: tuple[int, ...]) -> tuple[int, int, int]:
    """Return channel, row and column of a value; a vector is one row of one channel."""
    return (0, 0, at[0]) if len(at) == 1 else (at[0], at[1], at[2])


def skips(span: Pair, stride: tuple[float, float]) -> tuple[str, ...]:
    """Warn of windows that never touch some of the input."""
    if stride[0] > span[0] or stride[1] > span[1]:
        steps = f"{stride[0]:g},{stride[1]:g}"
        return (f"stride {steps} is larger than the window {span[0]}x{span[1]}: cells are never seen",)
    return ()
