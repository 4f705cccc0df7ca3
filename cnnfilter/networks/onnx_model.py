"""An ONNX model as a network that ONNX Runtime runs, and how pictures become its input."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from cnnfilter.core.arrays import Array, exactly
from cnnfilter.core.shapes import Pair
from cnnfilter.errors import CnnFilterError, KernelFileError, ParameterError, ResourceError, ShapeError, lookup
from cnnfilter.files import quoted
from cnnfilter.library.arrays import data_files
from cnnfilter.library.document import parse_document, read_document
from cnnfilter.networks.load import read_description
from cnnfilter.networks.onnx_facts import constant_names, node_outline, node_plans, type_name
from cnnfilter.networks.onnx_session import first_line, make_session, require_onnx, run_session
from cnnfilter.networks.plan import NetworkPlan, Outline
from cnnfilter.networks.prepare import check_whole
from cnnfilter.networks.spec import Input, Sides

#: What numbers of channels look like: they tell which end of an input's shape they are at.
CHANNELS = (1, 3, 4)
#: Types of inputs that numbers can be fed as, by ONNX's numbers for them.
TYPES: dict[int, type[np.generic]] = {
    1: np.float32, 2: np.uint8, 3: np.int8, 4: np.uint16, 5: np.int16, 6: np.int32, 7: np.int64, 9: np.bool_,
    10: np.float16, 11: np.float64, 12: np.uint32, 13: np.uint64,
}  # fmt: skip
#: Where exported models keep what the network file says about the input, and the class names.
METADATA = ("cnnfilter.input", "cnnfilter.classes")


class Feed(NamedTuple):
    """One input of a model: its name, the number of its type, and its sides, None where they are open."""

    name: str
    kind: int
    dims: tuple[int | None, ...] | None

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of its values."""
        return np.dtype(TYPES[self.kind])

    @property
    def axes(self) -> int:
        """How many axes it has; 0 where they are open."""
        return len(self.dims or ())

    def __str__(self) -> str:
        shape = "any shape" if self.dims is None else f"({', '.join(str(side or '?') for side in self.dims)})"
        return f"{self.name} {type_name(self.kind)} {shape}"


def feeds_of(proto: Any) -> list[Feed]:
    """Return the inputs of a model that no stored array fills."""
    known = {array.name for array in proto.graph.initializer}
    feeds = []
    for one in proto.graph.input:
        if one.name in known:
            continue
        tensor = one.type.tensor_type
        dims = dims_of(one) if tensor.HasField("shape") else None
        feeds.append(Feed(one.name, tensor.elem_type if one.type.HasField("tensor_type") else 0, dims))
    return feeds


def dims_of(value: Any) -> tuple[int | None, ...]:
    """Return the sides of a tensor, None where the model leaves one open."""
    shape = value.type.tensor_type.shape.dim
    return tuple(dim.dim_value if dim.HasField("dim_value") and dim.dim_value > 0 else None for dim in shape)


def picture_feed(feeds: Sequence[Feed], path: str, given: Collection[str] = ()) -> Feed:
    """Return the input that a picture, or a grid of numbers, goes to, of those that are not given otherwise.

    One of four axes, one of three that may be a picture, a grid of two, anything of three, a row of numbers.

    Raises
    ------
    KernelFileError
        If no input can take numbers of rows and columns.
    """
    fitting = [feed for feed in feeds if feed.kind in TYPES and feed.dims is not None and feed.name not in given]
    by_axes = [[feed for feed in fitting if feed.axes == axes] for axes in (4, 3, 2, 1)]
    certain = [feed for feed in by_axes[1] if not _doubts(feed)]
    for found in (by_axes[0], certain, by_axes[2], by_axes[1], by_axes[3]):
        if found:
            return min(found, key=_doubts)  # the first of equals
    shown = ", ".join(map(str, feeds)) or "nothing"
    raise KernelFileError(
        path, f"takes {shown}, expected an input of numbers of shape (N, C, H, W), (C, H, W), (rows, columns) or (n,)"
    )


def _doubts(feed: Feed) -> int:
    """Return how much speaks against a picture: one place alone (a scale), or more channels than pictures have."""
    layout = layout_of(feed)
    return (sides_of(feed, layout) == (1, 1)) + (channels_of(feed, layout) not in (None, *CHANNELS))


def _three(feed: Feed) -> tuple[int | None, ...]:
    """Return the last three axes of an input; a grid, or a row of numbers, has one channel."""
    dims = (1, 1, 1, *(feed.dims or ()))
    return dims[-3:] if feed.axes > 2 else (1, *dims[-2:])


def layout_of(feed: Feed) -> str:
    """Return the order of a picture's axes, NCHW unless the sides say that the channels come last."""
    first, _, last = _three(feed)
    return "NHWC" if last in CHANNELS and first not in CHANNELS else "NCHW"


def channels_of(feed: Feed, layout: str) -> int | None:
    """Return how many channels an input takes."""
    return _three(feed)[0 if layout == "NCHW" else 2]


def sides_of(feed: Feed, layout: str) -> Sides:
    """Return the rows and columns that the model fixes."""
    first, middle, last = _three(feed)
    return (middle, last) if layout == "NCHW" else (first, middle)


def describe_input(proto: Any, file: Path, feed: Feed) -> tuple[Input, tuple[str, ...], tuple[Path, ...]]:
    """Return the picture's input, the class names, and the files that say so beside the model."""
    layout = layout_of(feed)
    numbers = feed.axes < 3  # no picture, whose size might be another
    base = Input(channels=channels_of(feed, layout), layout=layout, resize="none" if numbers else "stretch")
    described, classes, files = _described(proto, file, base)
    return fixed_by(feed, described), classes, files


def fixed_by(feed: Feed, expected: Input) -> Input:
    """Return an input with what the model fixes of it, in the order of its axes."""
    rows, columns = sides = sides_of(feed, expected.layout)
    whole = (rows, columns) if rows is not None and columns is not None else None
    channels = channels_of(feed, expected.layout) or expected.channels
    return replace(expected, channels=channels, sides=sides, size=expected.size or whole)


def fitting(feed: Feed, values: Array, path: str) -> Array:
    """Return numbers for an input that is no picture, in its type and shape; an open first side is a batch of one.

    Raises
    ------
    ShapeError
        If they are not as many as the input takes.
    ParameterError
        If its type cannot hold them.
    """
    if feed.kind not in TYPES:
        raise ParameterError(f"{quoted(path)}: input {feed.name!r} takes {type_name(feed.kind)}, which are no numbers")
    made = exactly(values, feed.dtype, f"input {feed.name!r}")
    if feed.dims is None:
        return made
    if made.ndim == len(feed.dims) - 1 and feed.dims[0] in (None, 1):
        made = made[None]
    if made.ndim == len(feed.dims):
        wanted = tuple(side or has for side, has in zip(feed.dims, made.shape, strict=True))
    else:
        rest = [side for side in feed.dims[1:] if side]
        first = [side or 1 for side in feed.dims[:1]]
        count = math.prod(first + rest)
        spread = made.size // count if count and made.size % count == 0 else 0
        opened = feed.dims[1:].count(None)
        wanted = (*first, *(side or spread for side in feed.dims[1:])) if opened <= 1 else ()
    if math.prod(wanted) != made.size or (not wanted and feed.dims):
        raise ShapeError(f"{quoted(path)}: input {feed} does not take values of shape {values.shape}")
    return made.reshape(wanted)


def _described(proto: Any, file: Path, base: Input) -> tuple[Input, tuple[str, ...], tuple[Path, ...]]:
    """Return what is said about the input and the classes: in the file beside the model, else in the model."""
    beside = file.with_name(f"{file.name}.yaml")
    if beside.is_file():
        return (*read_description(read_document(beside), base), (beside,))
    metadata = {item.key: item.value for item in proto.metadata_props}
    if not any(key in metadata for key in METADATA):
        return base, (), ()
    parts = {key.rpartition(".")[2]: metadata[key] for key in METADATA if key in metadata}
    text = "{" + ", ".join(f"{json.dumps(key)}: {value}" for key, value in parts.items()) + "}"
    return (*read_description(parse_document(text.encode(), f"{file}#metadata.json"), base), ())


#: What ONNX Runtime calls tensors that NumPy can hold; text, sequences and shorter floats are left out.
READABLE = {
    f"tensor({kind})"
    for kind in (
        "float", "double", "float16", "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"
    )
}  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class OnnxModel:
    """An ONNX model that was read: its picture input, and the others with what they are given."""

    name: str
    path: str
    proto: Any
    feed: Feed
    input: Input
    others: tuple[Feed, ...] = ()
    given: Mapping[str, Array] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    sessions: dict[int | None, Any] = field(default_factory=dict, repr=False)
    plans: dict[tuple[int, ...], NetworkPlan] = field(default_factory=dict, repr=False)

    @property
    def takes(self) -> np.dtype[Any]:
        """The type of the input's values."""
        return self.feed.dtype

    @property
    def batch(self) -> int | None:
        """How many pictures it takes at a time; None for any number, 0 for one without an axis of its own."""
        dims = self.feed.dims or ()
        return dims[0] if len(dims) == 4 else 0

    @property
    def remarks(self) -> tuple[str, ...]:
        """What the user should know of how a picture is fed."""
        if (self.batch or 1) > 1:
            return (f"the model takes {self.batch} pictures at a time: this one is repeated, the first result shown",)
        if self.feed.axes < 3 and self.feed.name not in self.given:
            return (f"input {self.feed} takes no picture: it gets the numbers, rows x columns, as they are",)
        return ()

    def with_input(self, expected: Input) -> OnnxModel:
        """Return the same model for another input; a size that the model fixes stays."""
        if expected.layout != self.input.layout and expected.size == self.input.size:
            expected = replace(expected, size=None)  # it was that of the other layout
        expected = fixed_by(self.feed, expected)
        for known, wanted in zip(expected.sides, expected.size or (), strict=False):
            if known is not None and known != wanted:
                raise ShapeError(
                    f"{quoted(self.path)}: the model takes {_sides_text(expected.sides)}, "
                    f"not {'x'.join(map(str, expected.size or ()))}"
                )
        try:
            check_whole(expected, self.takes)
        except ParameterError as error:
            raise ParameterError(f"{quoted(self.path)}: {error}") from None
        return replace(self, input=expected, plans={})

    def with_values(self, given: Mapping[str, Array], *, alone: bool = False) -> OnnxModel:
        """Return the same model with numbers for its inputs beside the picture; for all of them where it is `alone`."""
        if self.feed.name in given:
            moved = self._without_picture(given[self.feed.name]) if alone else self._fed_elsewhere(given)
            return moved.with_values({name: values for name, values in given.items() if name != moved.feed.name})
        feeds = {feed.name: feed for feed in self.others}
        made = {name: fitting(lookup(feeds, name, "input"), values, self.path) for name, values in given.items()}
        return replace(self, given={**self.given, **made}, plans={})

    def _fed_elsewhere(self, given: Mapping[str, Array]) -> OnnxModel:
        """Return the same model with the picture at an input that is not given."""
        feeds = feeds_of(self.proto)
        feed = None
        with contextlib.suppress(KernelFileError):
            feed = picture_feed(feeds, self.path, given)
        if feed is None or (self.feed.axes == 4 and feed.axes < 3):
            raise ParameterError(f"{quoted(self.path)}: input {self.feed.name!r} is the picture's")
        expected, classes, _ = describe_input(self.proto, Path(self.path), feed)
        others = tuple(one for one in feeds if one is not feed)
        return replace(self, feed=feed, input=expected, others=others, classes=classes).with_input(expected)

    def _without_picture(self, values: Array) -> OnnxModel:
        """Return the same model with numbers that stand in the picture's place, as they are."""
        made = fitting(self.feed, values, self.path)
        if self.feed.axes == 4 and len(made) != 1:
            raise ShapeError(
                f"{quoted(self.path)}: input {self.feed} takes one picture at a time here, got {len(made)}"
            )
        three = made.reshape((1,) * (3 - made.ndim) + made.shape)[(0,) * (made.ndim - 3)]
        three = np.moveaxis(three, -1, 0) if self.input.layout == "NHWC" else three  # (C, H, W)
        size = (three.shape[1], three.shape[2])
        plain = Input(channels=len(three), size=size, layout=self.input.layout, resize="none", example=three)
        return replace(self, given={self.feed.name: made}).with_input(plain)

    def plan(
        self, size: Pair | None, channels: int | None = None, *, itemsize: int = 4, partial: bool = False
    ) -> NetworkPlan:
        """Return every node's shape and cost, from ONNX's shape inference.

        Raises
        ------
        ParameterError
            If no size is known.
        ShapeError
            If nothing is left of the maps, unless `partial`.
        """
        size = self.input.size or size
        if size is None:
            raise ParameterError(
                f"{quoted(self.path)}: the model takes {_sides_text(self.input.sides)}, so a size is needed "
                "(--size ROWSxCOLS)"
            )
        whole = (self.input.channels or channels or 3, *self.input.size_for(size))
        laid = whole if self.input.layout == "NCHW" else (*whole[1:], whole[0])
        fed = laid[-self.feed.axes :] if self.batch == 0 else (self.batch or 1, *laid)
        if fed not in self.plans:
            shapes = {self.feed.name: fed, **{name: values.shape for name, values in self.given.items()}}
            self.plans[fed] = node_plans(self.proto, self.feed.name, shapes, whole, self.input.layout)
        plan = self.plans[fed]
        if plan.failure and not partial:
            raise ShapeError(f"{quoted(self.path)}: {plan.failure}")
        return plan

    def outline(self) -> tuple[Outline, ...]:
        """Return the layers without a size: sides that are open by their names in the model."""
        return node_outline(self.proto, self.feed.name)

    def ready(self, threads: int | None = None) -> None:
        """Hand the model to ONNX Runtime, which may refuse it.

        Raises
        ------
        ParameterError
            If an input beside the picture has no values.
        """
        missing = [feed for feed in self.others if feed.name not in self.given]
        if missing:
            raise ParameterError(
                f"{quoted(self.path)}: also takes {', '.join(map(str, missing))} "
                f"(--input {missing[0].name}=1,2,3 or {missing[0].name}=FILE.npy)"
            )
        self._session(threads)

    def run(self, image: Array, *, threads: int | None = None, keep: Sequence[str] | None = None) -> dict[str, Array]:
        """Return the tensors for ``(C, H, W)`` or a batch ``(N, C, H, W)``, by name in the order of the nodes."""
        self.ready(threads)
        self.plan((image.shape[-2], image.shape[-1]), image.shape[-3])  # it says what does not fit
        session = self._session(threads)
        names = [
            out.name for out in session.get_outputs() if out.type in READABLE and (keep is None or out.name in keep)
        ]
        order = {name: index for index, name in enumerate(tensor_names(self.proto))}
        names.sort(key=lambda name: order.get(name, len(order)))
        batch = image if image.ndim == 4 else image[None]
        if self.input.layout == "NHWC":
            batch = np.moveaxis(batch, 1, -1)
        batch = np.ascontiguousarray(exactly(batch, self.takes, "the model's input"))
        step = len(batch) if self.batch is None else max(self.batch, 1)
        groups = [self._run_group(session, names, batch[start : start + step]) for start in range(0, len(batch), step)]
        values = [_joined(list(group)) for group in zip(*groups, strict=True)]
        outputs = dict(zip(names, values, strict=True))
        if image.ndim == 4:
            return outputs
        own = self.batch == 0  # then maps (1, H, W) are whole, and only vectors come with an axis for a batch
        return {
            name: one[0] if one.ndim > 1 and len(one) == 1 and not (own and one.ndim == 3) else one
            for name, one in outputs.items()
        }

    def _run_group(self, session: Any, names: Sequence[str], group: Array) -> list[Any]:
        """Run as many pictures as the model takes at a time, the last repeated where they are too few."""
        if self.batch == 0:
            alone = group[0].reshape(group[0].shape[-self.feed.axes :])
            return run_session(session, self.path, names, {**self.given, self.feed.name: alone})
        count = self.batch or len(group)
        fed = np.concatenate([group, *[group[-1:]] * (count - len(group))])
        values = run_session(session, self.path, names, {**self.given, self.feed.name: fed})
        return [one[: len(group)] if one.shape[:1] == (count,) else one for one in values]

    def _session(self, threads: int | None) -> Any:
        """Return an ONNX Runtime session whose outputs are all tensors of the graph."""
        if threads not in self.sessions:
            self.sessions[threads] = make_session(self.proto, self.path, tensor_names(self.proto), threads)
        return self.sessions[threads]


def _sides_text(sides: Sides) -> str:
    """Return what is known of the rows and columns that a model takes."""
    return "x".join("any" if side is None else str(side) for side in sides) if any(sides) else "any size"


def _joined(parts: list[Any]) -> Any:
    """Return the results of groups of images as those of a batch."""
    if len(parts) == 1 or parts[0].ndim == 0:
        return parts[0]
    return np.concatenate(parts)


def tensor_names(proto: Any) -> list[str]:
    """Return the names of what the nodes compute of the input, in order; constants are no layers."""
    constant = constant_names(proto)
    return [name for node in proto.graph.node for name in node.output if name and name not in constant]


def load_onnx(path: str | Path) -> OnnxModel:
    """Read an ONNX model, and ``MODEL.onnx.yaml`` beside it if there is one.

    Raises
    ------
    MissingExtraError
        If onnx or ONNX Runtime is not installed.
    KernelFileError
        If the file is not an ONNX model, or does not take one picture.
    """
    onnx, _ = require_onnx()
    file = Path(path)
    proto, weights = read_proto(onnx, file)
    feeds = feeds_of(proto)
    feed = picture_feed(feeds, str(path))
    expected, classes, beside = describe_input(proto, file, feed)
    model = OnnxModel(
        name=file.stem, path=str(path), proto=proto, feed=feed, input=expected, classes=classes,
        others=tuple(one for one in feeds if one is not feed), files=(file, *beside, *weights),
    )  # fmt: skip
    return model.with_input(expected)


def read_proto(onnx: Any, file: Path) -> tuple[Any, tuple[Path, ...]]:
    """Return the model in a file, and the files of its own folder that hold its weights; others are refused."""
    try:
        if not file.is_file():
            raise KernelFileError(str(file), "is not a file" if file.exists() else "no such file")
        proto = onnx.load(file, load_external_data=False)
        if not proto.graph.node:
            raise KernelFileError(str(file), "is not an ONNX model: it holds no graph")
        weights = data_files(file, proto)
        onnx.load_external_data_for_model(proto, str(file.parent))
    except (CnnFilterError, MemoryError):
        raise
    except PermissionError as error:
        raise ResourceError(f"{quoted(file)}: {error.strerror} (check who may read it)") from error
    except Exception as error:  # protobuf has classes of its own
        raise KernelFileError(str(file), f"is not an ONNX model that can be read: {first_line(error)}") from error
    return proto, weights
