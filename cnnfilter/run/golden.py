"""Golden vectors: what goes into an exact convolution and what must come out, in files that a testbench reads."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import cnnfilter
from cnnfilter.core.arrays import Array
from cnnfilter.core.whole import WholeConvolution
from cnnfilter.dumps.words import WORD_FORMATS, Packed, Words, pack, read_words, write_words
from cnnfilter.errors import ImageError, OutputError, ParameterError, lookup
from cnnfilter.files import atomic_output, printable, quoted
from cnnfilter.images.picture import Picture
from cnnfilter.run.image import Request, Work, plan_image
from cnnfilter.run.options import Options
from cnnfilter.text import distinct, slug

#: What stands in a folder of golden vectors beside its files.
MANIFEST = "manifest.json"


class Golden(NamedTuple):
    """One array of a folder: its file's stem, what it is, of which kernel, and its axes."""

    stem: str
    role: str
    kernel: str
    axes: str
    values: Array


def write_golden(request: Request, picture: Picture, folder: str, form: str, words: Words) -> list[str]:
    """Write input, weights, bias and expected maps of every kernel, and a manifest; return the names of the files.

    Parameters
    ----------
    request
        A convolution of whole numbers.
    folder
        A folder of its own: new, empty, or that of golden vectors, which are replaced.
    form
        ``mem``, ``coe``, ``h`` or ``bin``.
    words
        Bits and order; without bits each file has those that its numbers need.

    Raises
    ------
    ParameterError
        If sums are not exact, kernels are combined, or a word does not hold a number.
    OutputError
        If the folder holds anything else.
    """
    check_vectors(request.options, form)
    place = Path(folder)
    _make_room(place)
    works = plan_image(request.on(picture), picture)
    arrays = list(_arrays(works))
    packed = [pack(one.values, _fitting(one.values, words), one.stem) for one in arrays]  # before the first is written
    rows = []
    for one, its in zip(arrays, packed, strict=True):
        data = io.BytesIO()
        write_words(data, its, form, one.stem)
        name = f"{one.stem}.{form}"
        with atomic_output(place / name) as file:
            file.write(data.getvalue())
        rows.append(_row(one, its, name, data.getvalue()))
    names = [row["file"] for row in rows]
    document = {
        "program": "cnnfilter", "version": cnnfilter.__version__, "kind": "golden vectors", "source": picture.name,
        "format": form, "order": words.order, "files": rows, "kernels": [_layer(work) for work in works],
    }  # fmt: skip
    with atomic_output(place / MANIFEST) as file:
        file.write(json.dumps(document, indent=1).encode() + b"\n")
    return [str(place / name) for name in (*names, MANIFEST)]


def check_vectors(options: Options, form: str) -> None:
    """Raise for a job that makes no golden vectors.

    Raises
    ------
    UnknownNameError
        If they are not written in such a format.
    ParameterError
        If its sums are not exact, or kernels are combined.
    """
    lookup(dict.fromkeys(WORD_FORMATS), form, "format of golden vectors")
    if not options.whole:
        raise ParameterError(f"golden vectors are exact, not {options.dtype} (--dtype int32 or int64)")
    if options.combine:
        raise ParameterError("golden vectors are those of each kernel: leave out --combine")


def _make_room(folder: Path) -> None:
    """Make a folder, or take the golden vectors out of it; raise if it holds anything else."""
    folder.mkdir(parents=True, exist_ok=True)
    found = {path.name for path in folder.iterdir()}
    own = {MANIFEST, *(row["file"] for row in _manifest(folder)["files"])} if MANIFEST in found else set()
    if others := sorted(found - own):
        raise OutputError(
            f"{quoted(folder)}: holds {printable(others[0])}: golden vectors go into a folder of their own"
        )
    for name in sorted(found, key=lambda one: one != MANIFEST):  # without it, the others are none any more
        (folder / name).unlink()


def _arrays(works: Sequence[Work]) -> Iterator[Golden]:
    """Yield what is written: the input once, and of each kernel its weights, bias, sums, and maps in the end."""
    source = works[0].plan.source
    stored = works[0].picture.dtype
    yield Golden("input", "input", "", "channel, row, column", _narrow(source.array(), stored))
    names = [slug(one) for one in distinct([work.step.name for work in works])]
    for work, name in zip(works, names, strict=True):
        lead = f"{name}." if len(works) > 1 else ""
        convolution = work.plan.parts[0].convolution
        if not isinstance(convolution, WholeConvolution):
            raise ParameterError(f"{work.step.name} is no convolution of whole numbers")
        filters = len(convolution.weights)
        bias = np.zeros(filters, np.int64)
        if convolution.bias is not None:
            bias += convolution.bias.ravel()
        yield Golden(f"{lead}weights", "weights", name, "filter, channel, row, column", convolution.weights)
        yield Golden(f"{lead}bias", "bias", name, "filter", bias)
        expected = work.plan.maps(hold=True).hold()
        options = work.plan.options
        if options.activation is not None or options.pool is not None or work.step.few is not None:
            sums = convolution.run(options.threads)
            yield Golden(f"{lead}sums", "sums", name, "channel, row, column", sums.reshape(-1, *sums.shape[-2:]))
        yield Golden(f"{lead}expected", "expected", name, "channel, row, column", expected)


def _narrow(values: Array, stored: np.dtype[Any]) -> Array:
    """Return an input in the type that the picture has, where that holds it; else as integers."""
    kind = stored if stored.kind in "iu" else np.dtype(np.int64)
    limits = np.iinfo(kind)
    fits = values.min() >= limits.min and values.max() <= limits.max
    return values.astype(kind if fits else np.int64)


def _fitting(values: Array, words: Words) -> Words:
    """Return words as wide as is said; for int64, of which weights are made, as few bits as hold the numbers."""
    if words.bits is not None or values.dtype.itemsize < 8:
        return words
    low, high = int(values.min(initial=0)), int(values.max(initial=0))
    needed = max((-low - 1).bit_length() if low < 0 else 0, high.bit_length()) + 1
    return words._replace(bits=next((bits for bits in (8, 16) if bits >= needed), 32))


def _row(one: Golden, packed: Packed, name: str, data: bytes) -> dict[str, Any]:
    """Return what a manifest says of a file."""
    return {
        "file": name, "role": one.role, "kernel": one.kernel, "shape": list(packed.shape), "axes": one.axes,
        "order": packed.order, "word": packed.bits, "signed": packed.signed, "words": len(packed.values),
        "sha256": hashlib.sha256(data).hexdigest(),
    }  # fmt: skip


def _layer(work: Work) -> dict[str, Any]:
    """Return what a manifest says of a convolution: how the weights lie on the input, and what follows."""
    sizes, options = work.plan.parts[0].sizes, work.plan.options
    few = None if work.step.few is None else {**work.step.few._asdict(), "scales": list(work.step.few.scales)}
    return {
        "name": work.step.name, "spec": work.step.spec, "stride": list(sizes.stride),
        "padding": {"top": sizes.pads.top, "bottom": sizes.pads.bottom, "left": sizes.pads.left,
                    "right": sizes.pads.right, "mode": sizes.border.mode, "value": sizes.border.value},
        "dilation": list(sizes.dilation), "groups": sizes.groups, "dtype": options.dtype,
        "weights": "as they are multiplied: not flipped any more" if options.flip else "as they are multiplied",
        "activation": None if options.activation is None else options.activation._asdict(),
        "pool": None if options.pool is None else options.pool.words(), "requantize": few,
    }  # fmt: skip


def is_golden(folder: Path) -> bool:
    """Say whether a folder holds golden vectors."""
    try:
        return bool(_manifest(folder))
    except ImageError:
        return False


def _manifest(folder: Path) -> dict[str, Any]:
    """Return a folder's manifest."""
    path = folder / MANIFEST
    try:
        document = json.loads(path.read_bytes())
        kind = document["kind"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ImageError(f"{quoted(path)}: is no manifest of golden vectors") from error
    if kind != "golden vectors":
        raise ImageError(f"{quoted(path)}: is no manifest of golden vectors")
    return dict(document)


def read_golden(folder: Path) -> dict[str, Array]:
    """Return every array of a folder by the stem of its file.

    Raises
    ------
    ImageError
        If a file is missing, or is not what the manifest says.
    """
    document = _manifest(folder)
    found: dict[str, Array] = {}
    for row in document["files"]:
        path = folder / row["file"]
        try:
            data = path.read_bytes()
            found[path.stem] = read_words(data, document["format"], _packed(row)).array()
        except OSError as error:
            raise ImageError(f"{quoted(path)}: {error.strerror or error}") from error
        except ImageError as error:
            raise ImageError(f"{quoted(path)}: {error}") from error
        if hashlib.sha256(data).hexdigest() != row["sha256"]:
            raise ImageError(f"{quoted(path)}: is not the file of the manifest: its checksum differs")
    return found


def words_of_file(path: Path, beside: Path) -> Array:
    """Return the numbers of one file of words; what it does not say itself, a manifest says, or the file `beside` it.

    Raises
    ------
    ImageError
        If the file cannot be read, or nothing says what its words are.
    """
    try:
        data = path.read_bytes()
        like = _row_of(path) or _row_of(beside)
        if like is None and _form(beside) and beside.is_file():
            with contextlib.suppress(ImageError):
                like = read_words(beside.read_bytes(), _form(beside))
        return read_words(data, _form(path), like).array()
    except OSError as error:
        raise ImageError(f"{quoted(path)}: {error.strerror or error}") from error
    except ImageError as error:
        raise ImageError(f"{quoted(path)}: {error}") from error


def _form(path: Path) -> str:
    """Return the format of words that a name ends in, if it is one."""
    ending = path.suffix.lower().lstrip(".")
    return ending if ending in WORD_FORMATS else ""


def _row_of(path: Path) -> Packed | None:
    """Return what the manifest of a file's folder says of its words."""
    if not is_golden(path.parent):
        return None
    rows = {row["file"]: row for row in _manifest(path.parent)["files"]}
    return _packed(rows[path.name]) if path.name in rows else None


def _packed(row: dict[str, Any]) -> Packed:
    """Return what a manifest says of a file's words."""
    return Packed(np.empty(0), tuple(row["shape"]), row["order"], row["word"], row["signed"])
