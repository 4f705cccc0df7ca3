"""What `run` is told: its flags as one record, checked before anything is read or written."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from cnnfilter.errors import ImageError, ParameterError, lookup

if TYPE_CHECKING:
    from cnnfilter.networks.model import Model
    from cnnfilter.run.network import NetworkOptions


class Look(NamedTuple):
    """What the user wants to see and to keep."""

    top: int
    layers: tuple[str, ...]
    table: bool
    at: tuple[int, int] | None
    json: bool
    quiet: bool
    save: tuple[str, ...]
    single: bool
    output: str | None
    formats: tuple[str, ...]
    display: str
    colormap: str | None
    compress: str
    scale: str | None
    zoom: int
    dtype: str
    threads: int | None
    softmax: bool
    max_memory: int | None

    @property
    def options(self) -> NetworkOptions:
        """How pictures go through the network."""
        from cnnfilter.run.network import NetworkOptions

        return NetworkOptions(self.threads, self.dtype, self.softmax, self.max_memory)


def check_order(network: str, images: Sequence[str]) -> None:
    """Raise where a picture stands in the network's place.

    Raises
    ------
    ParameterError
        With the words in the right order.
    """
    from cnnfilter.cli.plan import is_network
    from cnnfilter.files import quoted

    if is_network(network):
        return
    swapped = next((name for name in images if is_network(name)), None)
    if swapped is not None or _is_input(network):
        words = f"{swapped or 'NETWORK'} {network}"
        raise ParameterError(f"{quoted(network)} is no network: the network comes first (cnnfilter run {words})")


def check_network(name: str) -> None:
    """Raise where a picture, a grid or a folder is named as a network.

    Raises
    ------
    ParameterError
        With what a network is.
    """
    from cnnfilter.cli.plan import is_network
    from cnnfilter.files import quoted

    if not is_network(name) and _is_input(name):
        raise ParameterError(f"{quoted(name)} is no network (a network is a file in YAML or JSON, or an ONNX model)")


def _is_input(name: str) -> bool:
    """Say whether a word names a picture, a grid or a folder."""
    from cnnfilter.dumps.names import GRID_EXTENSIONS
    from cnnfilter.images.sniff import promised

    ending = Path(name).suffix.lower()
    is_grid = ending in GRID_EXTENSIONS and ending != ".json"  # a network may be JSON that is not right yet
    return bool(promised(name)) or is_grid or os.path.isdir(name)  # noqa: PTH112 - False for any long word


def check_look(look: Look) -> None:
    """Raise for a word that no model understands, before any file is opened."""
    from cnnfilter.run.names import parse_formats
    from cnnfilter.run.options import DTYPES, check_threads

    lookup(DTYPES, look.dtype, "dtype")
    check_threads(look.threads)
    parse_formats(look.formats, look.output)


def parted_layout(text: str) -> tuple[str | None, str]:
    """Return the layout of the model, if one is said, and that of stored arrays, which has no N.

    Examples
    --------
    >>> parted_layout("NHWC"), parted_layout("HWC")
    (('NHWC', 'auto'), (None, 'HWC'))
    """
    from cnnfilter.run.network import PREPARATIONS

    lookup(dict.fromkeys(("auto", "CHW", "HWC", *PREPARATIONS["layout"])), text, "layout")
    return (text, "auto") if text in PREPARATIONS["layout"] else (None, text)


def override(model: Model, *, inputs: Sequence[str] = (), **words: str | None) -> Model:
    """Return the model with what the flags say about its inputs."""
    from cnnfilter.core.shapes import rows_by_columns
    from cnnfilter.run.network import adapt

    changes: dict[str, object] = dict(words)
    if words.get("size") is not None:
        changes["size"] = rows_by_columns(str(words["size"]), "--size")
    for name in ("mean", "std"):
        if words.get(name) is not None:
            changes[name] = _numbers(f"--{name}", str(words[name]))
    return adapt(model, changes, dict(map(_input, inputs)))


def _numbers(flag: str, text: str) -> list[float]:
    """Read numbers parted by commas."""
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise ParameterError(f"{flag} takes numbers parted by commas, got {text!r}") from None


def _input(text: str) -> tuple[str, Any]:
    """Read the name of an input, and numbers in place or in a file."""
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise ParameterError(f"--input takes NAME=1,2,3 or NAME=FILE, got {text!r}")
    if os.path.isfile(value):  # noqa: PTH113 - False for any long word
        from cnnfilter.dumps.read import read_grid

        try:
            return name, read_grid(Path(value).read_bytes(), name=value)
        except OSError as error:
            raise ParameterError(f"--input {name}: {value!r}: {error.strerror}") from error
        except ImageError as error:
            raise ParameterError(f"--input {name}: {error}") from error
    try:
        return name, _numbers("--input", value)
    except ParameterError:
        raise ParameterError(f"--input {name}: {value!r} is no file, and no numbers parted by commas") from None
