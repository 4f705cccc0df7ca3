"""ONNX models, run by ONNX Runtime with every intermediate tensor in view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from cnnfilter.core.arrays import exactly
from cnnfilter.core.shapes import Pair
from cnnfilter.errors import CnnFilterError, KernelFileError, ParameterError, ResourceError, ShapeError
from cnnfilter.files import quoted
from cnnfilter.network.onnx_constants import constant_names, external_names
from cnnfilter.network.onnx_facts import node_plans
from cnnfilter.network.onnx_input import Feed, describe_input, feeds_of, picture_feed, sides_of
from cnnfilter.network.onnx_session import first_line, make_session, require_onnx, run_session
from cnnfilter.network.plan import NetworkPlan
from cnnfilter.network.prepare import check_whole
from cnnfilter.network.spec import Array, Input


@dataclass(frozen=True, kw_only=True, eq=False)
class OnnxModel:
    """An ONNX model that was read, and its one picture input."""

    name: str
    path: str
    proto: Any
    feed: Feed
    input: Input
    classes: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    sessions: dict[int | None, Any] = field(default_factory=dict, repr=False)
    plans: dict[tuple[int, ...], NetworkPlan] = field(default_factory=dict, repr=False)

    @property
    def takes(self) -> np.dtype[Any]:
        """The type of the input's values."""
        return self.feed.dtype

    def with_input(self, expected: Input) -> OnnxModel:
        """Return the same model for another input; a size that the model fixes stays."""
        fixed = sides_of(self.feed, expected.layout)
        for known, wanted in zip(fixed, expected.size or (), strict=False):
            if known is not None and known != wanted:
                shown = "x".join("any" if side is None else str(side) for side in fixed)
                raise ShapeError(
                    f"{quoted(self.path)}: the model takes {shown}, not {'x'.join(map(str, expected.size or ()))}"
                )
        try:
            check_whole(expected, self.takes)
        except ParameterError as error:
            raise ParameterError(f"{quoted(self.path)}: {error}") from None
        return replace(self, input=expected)

    def plan(
        self, size: Pair | None, channels: int | None = None, *, itemsize: int = 4, partial: bool = False
    ) -> NetworkPlan:
        """Return every node's shape and cost, from ONNX's shape inference."""
        size = self.input.size or size
        if size is None:
            raise ParameterError(f"{quoted(self.path)}: the model takes any size, so one is needed (--size ROWSxCOLS)")
        whole = (self.input.channels or channels or 3, *size)
        fed = (1, *whole) if self.input.layout == "NCHW" else (1, *whole[1:], whole[0])
        if fed not in self.plans:
            self.plans[fed] = node_plans(self.proto, self.feed.name, fed, whole)
        return self.plans[fed]

    def ready(self, threads: int | None = None) -> None:
        """Hand the model to ONNX Runtime, which may refuse it."""
        self._session(threads)

    def run(self, image: Array, *, threads: int | None = None, keep: Sequence[str] | None = None) -> dict[str, Array]:
        """Return the tensors for ``(C, H, W)`` or a batch ``(N, C, H, W)``, by name in the order of the nodes."""
        session = self._session(threads)
        names = [out.name for out in session.get_outputs() if keep is None or out.name in keep]
        order = {name: index for index, name in enumerate(tensor_names(self.proto))}
        names.sort(key=lambda name: order.get(name, len(order)))
        batch = image if image.ndim == 4 else image[None]
        if self.input.layout == "NHWC":
            batch = np.moveaxis(batch, 1, -1)
        batch = np.ascontiguousarray(exactly(batch, self.takes, "the model's input"))
        if (self.feed.dims or (None,))[0] == 1 or len(batch) == 1:
            parts = [run_session(session, self.path, names, {self.feed.name: one[None]}) for one in batch]
            values = [_joined(list(group)) for group in zip(*parts, strict=True)]
        else:
            values = run_session(session, self.path, names, {self.feed.name: batch})
        pairs = [(name, one) for name, one in zip(names, values, strict=True) if isinstance(one, np.ndarray)]
        if image.ndim == 4:
            return dict(pairs)
        return {name: one[0] if one.ndim > 1 and len(one) == 1 else one for name, one in pairs}

    def _session(self, threads: int | None) -> Any:
        """Return an ONNX Runtime session whose outputs are all tensors of the graph."""
        if threads not in self.sessions:
            self.sessions[threads] = make_session(self.proto, self.path, tensor_names(self.proto), threads)
        return self.sessions[threads]


def _joined(parts: list[Any]) -> Any:
    """Return the results of single images as those of a batch."""
    if len(parts) == 1 or not isinstance(parts[0], np.ndarray) or parts[0].ndim == 0:
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
    if len(feeds) != 1:
        shown = ", ".join(map(str, feeds)) or "none"
        raise KernelFileError(str(path), f"takes {len(feeds)} inputs ({shown}), and run feeds one picture")
    feed = picture_feed(feeds, str(path))
    base, classes, beside = describe_input(proto, file, feed)
    rows, columns = sides_of(feed, base.layout)
    size = base.size or ((rows, columns) if rows is not None and columns is not None else None)
    model = OnnxModel(
        name=file.stem, path=str(path), proto=proto, feed=feed, input=base, classes=classes,
        files=(file, *beside, *weights),
    )  # fmt: skip
    return model.with_input(replace(base, size=size))


def read_proto(onnx: Any, file: Path) -> tuple[Any, tuple[Path, ...]]:
    """Return the model in a file, and the files of its own folder that hold its weights; others are refused."""
    try:
        if not file.is_file():
            raise KernelFileError(str(file), "is not a file" if file.exists() else "no such file")
        proto = onnx.load(file, load_external_data=False)
        if not proto.graph.node:
            raise KernelFileError(str(file), "is not an ONNX model: it holds no graph")
        weights = tuple(file.with_name(name) for name in external_names(proto))
        onnx.load_external_data_for_model(proto, str(file.parent))
    except (CnnFilterError, MemoryError):
        raise
    except PermissionError as error:
        raise ResourceError(f"{quoted(file)}: {error.strerror} (check who may read it)") from error
    except Exception as error:  # protobuf has classes of its own
        raise KernelFileError(str(file), f"is not an ONNX model that can be read: {first_line(error)}") from error
    return proto, weights
