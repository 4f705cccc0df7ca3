"""ONNX models, run by ONNX Runtime with every intermediate tensor in view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from cnnfilter.core.arrays import exactly
from cnnfilter.core.shapes import Pair
from cnnfilter.errors import CnnFilterError, KernelFileError, ParameterError, ResourceError, ShapeError, lookup
from cnnfilter.files import quoted
from cnnfilter.library.array_files import data_files
from cnnfilter.networks.onnx_constants import constant_names
from cnnfilter.networks.onnx_facts import node_outline, node_plans
from cnnfilter.networks.onnx_input import Feed, describe_input, feeds_of, fitting, fixed_by, picture_feed
from cnnfilter.networks.onnx_session import first_line, make_session, require_onnx, run_session
from cnnfilter.networks.plan import NetworkPlan, Outline
from cnnfilter.networks.prepare import check_whole
from cnnfilter.networks.spec import Array, Input, Sides

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

    def with_values(self, given: Mapping[str, Array]) -> OnnxModel:
        """Return the same model with numbers for its inputs beside the picture."""
        if self.feed.name in given:
            return self._fed_elsewhere(given).with_values(given)
        feeds = {feed.name: feed for feed in self.others}
        made = {name: fitting(lookup(feeds, name, "input"), values, self.path) for name, values in given.items()}
        return replace(self, given={**self.given, **made}, plans={})

    def _fed_elsewhere(self, given: Mapping[str, Array]) -> OnnxModel:
        """Return the same model with the picture at an input that is not given."""
        feeds = feeds_of(self.proto)
        try:
            feed = picture_feed(feeds, self.path, given)
        except KernelFileError:
            raise ParameterError(f"{quoted(self.path)}: input {self.feed.name!r} is the picture's") from None
        expected, classes, _ = describe_input(self.proto, Path(self.path), feed)
        others = tuple(one for one in feeds if one is not feed)
        return replace(self, feed=feed, input=expected, others=others, classes=classes).with_input(expected)

    def plan(
        self, size: Pair | None, channels: int | None = None, *, itemsize: int = 4, partial: bool = False
    ) -> NetworkPlan:
        """Return every node's shape and cost, from ONNX's shape inference."""
        size = self.input.size or size
        if size is None:
            raise ParameterError(
                f"{quoted(self.path)}: the model takes {_sides_text(self.input.sides)}, so a size is needed "
                "(--size ROWSxCOLS)"
            )
        whole = (self.input.channels or channels or 3, *self.input.size_for(size))
        laid = whole if self.input.layout == "NCHW" else (*whole[1:], whole[0])
        fed = laid if self.batch == 0 else (self.batch or 1, *laid)
        if fed not in self.plans:
            shapes = {self.feed.name: fed, **{name: values.shape for name, values in self.given.items()}}
            self.plans[fed] = node_plans(self.proto, self.feed.name, shapes, whole)
        return self.plans[fed]

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
            return run_session(session, self.path, names, {**self.given, self.feed.name: group[0]})
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
