"""ONNX models, run by ONNX Runtime with every intermediate tensor in view."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from cnnfilter.core.shapes import Pair
from cnnfilter.errors import KernelFileError, MissingExtraError, ParameterError, ResourceError, ShapeError
from cnnfilter.files import quoted
from cnnfilter.library.array_files import data_files
from cnnfilter.network.onnx_facts import node_plans, type_name
from cnnfilter.network.plan import NetworkPlan
from cnnfilter.network.spec import Array, Input

#: What numbers of channels look like: they tell which end of an input's shape they are at.
CHANNELS = (1, 3, 4)
#: Input types that a picture can be fed as, by ONNX's numbers for them.
_TYPES = {1: np.float32, 2: np.uint8, 3: np.int8, 5: np.int16, 6: np.int32, 7: np.int64, 10: np.float16, 11: np.float64}
#: Where exported models keep what the network file says about the input, and the class names.
METADATA = ("cnnfilter.input", "cnnfilter.classes")


def require_onnx() -> tuple[Any, Any]:
    """Return the modules onnx and onnxruntime.

    Raises
    ------
    MissingExtraError
        If they are not installed.
    """
    try:
        import onnx
        import onnxruntime
    except ImportError as error:
        raise MissingExtraError(
            f"ONNX models need onnx and ONNX Runtime, and {error.name} is not installed (pip install 'cnnfilter[onnx]')"
        ) from error
    return onnx, onnxruntime


@dataclass(frozen=True, kw_only=True, eq=False)
class OnnxModel:
    """An ONNX model that was read, and its one picture input."""

    name: str
    path: str
    proto: Any
    feed: str
    feed_type: Any
    batch: int | None
    input: Input
    classes: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    sessions: dict[int | None, Any] = field(default_factory=dict, repr=False)

    def with_input(self, expected: Input) -> OnnxModel:
        """Return the same model for another input; a size that the model fixes stays."""
        fixed = _side(self.proto, self.feed, expected.layout)
        for known, wanted in zip(fixed, expected.size or (), strict=False):
            if known is not None and known != wanted:
                shown = "x".join("any" if side is None else str(side) for side in fixed)
                raise ShapeError(
                    f"{quoted(self.path)}: the model takes {shown}, not {'x'.join(map(str, expected.size or ()))}"
                )
        return replace(self, input=expected)

    def plan(self, size: Pair | None, channels: int | None = None, *, partial: bool = False) -> NetworkPlan:
        """Return every node's shape and cost, from ONNX's shape inference."""
        size = self.input.size or size
        if size is None:
            raise ParameterError(f"{quoted(self.path)}: the model takes any size, so one is needed (--size ROWSxCOLS)")
        whole = (self.input.channels or channels or 3, *size)
        fed = (1, *whole) if self.input.layout == "NCHW" else (1, *whole[1:], whole[0])
        return node_plans(self.proto, self.feed, fed, whole)

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
        batch = np.ascontiguousarray(batch, self.feed_type)
        try:
            if self.batch == 1 or len(batch) == 1:
                parts = [session.run(names, {self.feed: one[None]}) for one in batch]
                values = [_joined(list(group)) for group in zip(*parts, strict=True)]
            else:
                values = session.run(names, {self.feed: batch})
        except Exception as error:  # ONNX Runtime has many classes of its own
            raise ShapeError(f"{quoted(self.path)}: ONNX Runtime: {_first_line(error)} (another --size?)") from error
        pairs = [(name, one) for name, one in zip(names, values, strict=True) if isinstance(one, np.ndarray)]
        if image.ndim == 4:
            return dict(pairs)
        return {name: one[0] if one.ndim > 1 and len(one) == 1 else one for name, one in pairs}

    def _session(self, threads: int | None) -> Any:
        """Return an ONNX Runtime session whose outputs are all tensors of the graph."""
        if threads in self.sessions:
            return self.sessions[threads]
        onnx, onnxruntime = require_onnx()
        exposed = onnx.ModelProto()
        exposed.CopyFrom(self.proto)
        have = {out.name for out in exposed.graph.output}
        exposed.graph.output.extend(
            onnx.ValueInfoProto(name=name) for name in tensor_names(exposed) if name not in have
        )
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = threads or 0
        try:
            data = exposed.SerializeToString()
            session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        except MemoryError:
            raise
        except Exception as error:  # ONNX Runtime has many classes of its own
            raise KernelFileError(self.path, f"ONNX Runtime refuses the model: {_first_line(error)}") from error
        self.sessions[threads] = session
        return session


def _joined(parts: list[Any]) -> Any:
    """Return the results of single images as those of a batch."""
    if len(parts) == 1 or not isinstance(parts[0], np.ndarray) or parts[0].ndim == 0:
        return parts[0]
    return np.concatenate(parts)


def tensor_names(proto: Any) -> list[str]:
    """Return the names of what the nodes compute, in order; constants are no layers."""
    return [name for node in proto.graph.node if node.op_type != "Constant" for name in node.output if name]


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
    proto, data = read_proto(onnx, file)
    known = {array.name for array in proto.graph.initializer}
    inputs = [one for one in proto.graph.input if one.name not in known]
    if len(inputs) != 1:
        shown = ", ".join(f"{one.name} {_dims(one)}" for one in inputs) or "none"
        raise KernelFileError(str(path), f"takes {len(inputs)} inputs ({shown}), and run feeds one picture")
    kind, dims = inputs[0].type.tensor_type.elem_type, _dims(inputs[0])
    if kind not in _TYPES or len(dims) != 4:
        expected = "an input of four axes (N, C, H, W) of numbers"
        raise KernelFileError(str(path), f"takes {type_name(kind)} of shape {dims}, expected {expected}")
    layout = "NHWC" if dims[3] in CHANNELS and dims[1] not in CHANNELS else "NCHW"
    base = Input(channels=dims[1 if layout == "NCHW" else 3], layout=layout)
    base, classes, files = _described(proto, file, base)
    rows, columns = _side(proto, inputs[0].name, base.layout)
    size = base.size or ((rows, columns) if rows is not None and columns is not None else None)
    model = OnnxModel(
        name=file.stem, path=str(path), proto=proto, feed=inputs[0].name, feed_type=_TYPES[kind], batch=dims[0],
        input=base, classes=classes, files=(file, *data, *files),
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
        data = data_files(file, proto)
        onnx.load_external_data_for_model(proto, str(file.parent))
    except (KernelFileError, MemoryError):
        raise
    except PermissionError as error:
        raise ResourceError(f"{quoted(file)}: {error.strerror} (check who may read it)") from error
    except Exception as error:  # protobuf has classes of its own
        raise KernelFileError(str(file), f"is not an ONNX model that can be read: {_first_line(error)}") from error
    return proto, data


def _first_line(error: Exception) -> str:
    """Return what a library's error says, in one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:300]


def _dims(value: Any) -> tuple[int | None, ...]:
    """Return the sides of a tensor, None where the model leaves one open."""
    shape = value.type.tensor_type.shape.dim
    return tuple(dim.dim_value if dim.HasField("dim_value") and dim.dim_value > 0 else None for dim in shape)


def _side(proto: Any, feed: str, layout: str) -> tuple[int | None, int | None]:
    """Return the rows and columns that the model fixes."""
    dims = next(_dims(one) for one in proto.graph.input if one.name == feed)
    return (dims[2], dims[3]) if layout == "NCHW" else (dims[1], dims[2])


def _described(proto: Any, file: Path, base: Input) -> tuple[Input, tuple[str, ...], tuple[Path, ...]]:
    """Return what is said about the input and the classes: in the file beside the model, else in the model."""
    from cnnfilter.library.strict import parse_document, read_document
    from cnnfilter.network.read_input import read_description

    beside = file.with_name(f"{file.name}.yaml")
    if beside.is_file():
        return (*read_description(read_document(beside), base), (beside,))
    metadata = {item.key: item.value for item in proto.metadata_props}
    if not any(key in metadata for key in METADATA):
        return base, (), ()
    parts = {key.rpartition(".")[2]: metadata[key] for key in METADATA if key in metadata}
    text = "{" + ", ".join(f"{json.dumps(key)}: {value}" for key, value in parts.items()) + "}"
    return (*read_description(parse_document(text.encode(), f"{file}#metadata.json"), base), ())
