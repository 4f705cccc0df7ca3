"""ONNX Runtime at work: sessions that show every tensor, can be interrupted, and say in one line what is wrong."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Any, TypeVar

from cnnfilter.core.arrays import Array
from cnnfilter.errors import CnnFilterError, KernelFileError, MissingExtraError, ResourceError, ShapeError
from cnnfilter.files import quoted

Value = TypeVar("Value")

#: Seconds that ONNX Runtime gets to stop when it is told to; it looks up between two nodes.
PATIENCE = 4.0
#: Seconds between two looks for a signal, where waiting itself does not hear one.
TICK = 0.2
#: Products of u8 and s8 saturate in pairs on processors with AVX2 and no VNNI; this takes the exact way there.
EXACT = ("session.x64quantprecision", "1")
#: Nodes with any number of outputs, each of which ONNX Runtime writes to, named or not.
OPEN_ENDED = ("Split", "If", "Loop", "Scan")


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


def make_session(proto: Any, path: str, tensors: Sequence[str], threads: int | None) -> Any:
    """Return an ONNX Runtime session whose outputs are the model's own and these tensors.

    Raises
    ------
    KernelFileError
        If ONNX Runtime refuses the model.
    ResourceError
        If it finds no memory.
    """
    onnx, onnxruntime = require_onnx()
    if stands_still(proto):
        raise KernelFileError(path, "ONNX Runtime refuses the model: a stride is 0")
    exposed = onnx.ModelProto()
    exposed.CopyFrom(proto)
    _name_unread(exposed.graph)
    have = {out.name for out in exposed.graph.output}
    exposed.graph.output.extend(onnx.ValueInfoProto(name=name) for name in tensors if name not in have)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = threads or 0
    options.add_session_config_entry(*EXACT)

    def load() -> Any:
        data = exposed.SerializeToString()
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])

    def stop() -> None:
        if hasattr(options, "set_load_cancellation_flag"):  # ONNX Runtime 1.21 and later
            options.set_load_cancellation_flag(True)

    try:
        return interruptible(load, stop)
    except (CnnFilterError, MemoryError):
        raise
    except Exception as error:  # ONNX Runtime has many classes of its own
        raise _memory_error(error, path) or KernelFileError(
            path, f"ONNX Runtime refuses the model: {first_line(error)}"
        ) from error


def stands_still(proto: Any) -> bool:
    """Say whether a stride is 0, by which earlier releases of ONNX and ONNX Runtime divide, and the process dies."""
    return any(one.name == "strides" and 0 in one.ints for node in proto.graph.node for one in node.attribute)


def _name_unread(graph: Any, numbers: Iterator[int] | None = None) -> None:
    """Name the outputs that nothing reads, of nodes with any number of them: ONNX Runtime dies of empty names there."""
    numbers = numbers or count(1)
    for node in graph.node:
        if node.op_type in OPEN_ENDED:
            for place, name in enumerate(node.output):
                node.output[place] = name or f"cnnfilter/unread/{next(numbers)}"
        for attribute in node.attribute:
            for inner in (*([attribute.g] if attribute.HasField("g") else ()), *attribute.graphs):
                _name_unread(inner, numbers)


def run_session(session: Any, path: str, names: Sequence[str], fed: dict[str, Array]) -> list[Any]:
    """Return the tensors of these names.

    Raises
    ------
    ShapeError
        If ONNX Runtime cannot run the model on what it is fed.
    ResourceError
        If it finds no memory.
    """
    if not names:  # ONNX Runtime would take none for all
        return []
    _, onnxruntime = require_onnx()
    options = onnxruntime.RunOptions()
    options.log_severity_level = 4

    def stop() -> None:
        options.terminate = True

    try:
        values: list[Any] = interruptible(lambda: session.run(list(names), fed, options), stop)
    except (CnnFilterError, MemoryError):
        raise
    except Exception as error:  # ONNX Runtime has many classes of its own
        raise _memory_error(error, path) or ShapeError(
            f"{quoted(path)}: ONNX Runtime: {first_line(error)} (another --size?)"
        ) from error
    return values


def interruptible(work: Callable[[], Value], stop: Callable[[], None]) -> Value:
    """Return what `work` does, done in a thread of its own: a library that never lets go would hear no signal.

    Parameters
    ----------
    work
        What may take for ever.
    stop
        Tells it to end; called when the caller is interrupted.

    Raises
    ------
    ResourceError
        If no thread can be started.

    Examples
    --------
    >>> interruptible(lambda: 6 * 7, lambda: None)
    42
    """
    values: list[Value] = []
    errors: list[BaseException] = []
    done = threading.Event()

    def job() -> None:
        try:
            values.append(work())
        except BaseException as error:  # it is raised again by whoever waits
            errors.append(error)
        finally:
            done.set()

    thread = threading.Thread(target=job, name="onnx", daemon=True)
    try:
        thread.start()
        while not done.wait(TICK):
            pass
    except RuntimeError as error:
        raise ResourceError(f"ONNX Runtime needs a thread, and none can be started: {error}") from error
    except BaseException:  # also while the thread is being started
        stop()
        if thread.ident is not None:
            thread.join(PATIENCE)
        raise
    if errors:
        raise errors[0]
    return values[0]


def first_line(error: Exception) -> str:
    """Return what a library's error says, in one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:300]


def _memory_error(error: Exception, path: str) -> ResourceError | None:
    """Return the error to raise where ONNX Runtime says that it found no memory."""
    said = str(error).lower()
    if "bad_alloc" in said or "bad allocation" in said or "failed to allocate" in said:
        return ResourceError(f"{quoted(path)}: ONNX Runtime finds no memory for its tensors (a smaller --size?)")
    return None
