"""Pictures of known classes: a folder for each class, or arrays ``images`` and ``labels`` of a file."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np

from cnnfilter.core.arrays import Array
from cnnfilter.core.shapes import Pair
from cnnfilter.errors import CnnFilterError, ImageError, ParameterError, ResourceError, ShapeError
from cnnfilter.files import bytes_text, quoted
from cnnfilter.images.frames import READ, Reading
from cnnfilter.images.picture import MAX_PIXELS, Picture
from cnnfilter.images.read import open_picture
from cnnfilter.images.sniff import promised
from cnnfilter.networks.model import Model
from cnnfilter.run.network import array_input, picture_input

#: Numbers of channels that a picture has.
_CHANNELS = (1, 3, 4)


class Opening(NamedTuple):
    """How files are opened: bytes and pixels that they may take, and which frame, order of axes and damage is meant."""

    max_memory: int | None = None
    max_pixels: int = MAX_PIXELS
    reading: Reading = READ

    def picture(self, name: str) -> Picture:
        """Open a picture."""
        return open_picture(name, max_memory=self.max_memory, max_pixels=self.max_pixels, reading=self.reading)


class Dataset(NamedTuple):
    """Pictures, and what each shows where that is known.

    Attributes
    ----------
    name
        What messages call it.
    files
        Paths of the pictures, where they are files.
    images
        ``(N, C, H, W)`` as stored, where they are an array.
    labels
        What each shows, as text; none where nothing is said.
    notes
        What was guessed.
    opening
        How its files are opened.
    """

    name: str
    files: tuple[str, ...] = ()
    images: Array | None = None
    labels: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    opening: Opening = Opening()

    @property
    def total(self) -> int:
        """How many pictures there are."""
        return len(self.files) if self.images is None else len(self.images)

    @property
    def classes(self) -> tuple[str, ...]:
        """Every class once: numbers by size, then names by the alphabet."""
        return tuple(
            sorted(set(self.labels), key=lambda name: (not name.isdecimal(), len(name) * name.isdecimal(), name))
        )

    def called(self, index: int) -> str:
        """Return what one picture is called."""
        return self.files[index] if self.images is None else f"{self.name}, picture {index}"


def read_dataset(path: str, opening: Opening = Opening()) -> Dataset:  # noqa: B008 - it never changes
    """Return the pictures of a folder with a folder for each class, or of a ``.npz`` with ``images`` and ``labels``.

    Parameters
    ----------
    path
        Folder or file.
    opening
        How its files are opened.

    Raises
    ------
    ImageError
        If it cannot be read.
    ParameterError
        If a class has no pictures, or labels and images do not fit together.
    """
    if Path(path).is_dir():
        return read_folders(path, opening)
    arrays = arrays_of(path, ("images", "labels"), opening.max_memory)
    for name in ("images", "labels"):
        if name not in arrays:
            raise ParameterError(
                f"{quoted(path)}: holds no array {name!r} (a dataset is an .npz with images (N, H, W) and labels (N,), "
                f"or a folder with a folder for each class)"
            )
    images, notes = images_of(arrays["images"], opening.reading.layout, path)
    labels = labels_of(arrays["labels"], path)
    if len(images) != len(labels):
        raise ParameterError(f"{quoted(path)}: {len(images)} images and {len(labels)} labels: each image needs one")
    return Dataset(path, (), images, labels, notes, opening)


def read_folders(path: str, opening: Opening) -> Dataset:
    """Return the pictures of a folder with a folder for each class, those of folders inside among them."""
    names = sorted(one.name for one in Path(path).iterdir() if one.is_dir() and not one.name.startswith(_HIDDEN))
    loose = sum(one.is_file() and bool(promised(one.name)) for one in Path(path).iterdir())
    if not names:
        raise ParameterError(f"{quoted(path)}: holds no folders (one for each class is needed, with its pictures)")
    files: list[str] = []
    labels: list[str] = []
    for name in names:
        found = pictures_in(Path(path) / name)
        if not found:
            raise ParameterError(
                f"{quoted(Path(path) / name)}: the class {name!r} has no pictures (delete the folder if it is none)"
            )
        files += found
        labels += [name] * len(found)
    notes = (f"{loose} pictures beside the classes' folders are left out",) if loose else ()
    return Dataset(path, tuple(files), None, tuple(labels), notes, opening)


#: How folders begin that are no classes.
_HIDDEN = (".", "__MACOSX")
#: Grids of numbers that count as pictures; text and JSON beside pictures seldom are.
_GRIDS = (".csv", ".npy")


def pictures_in(folder: Path) -> list[str]:
    """Return the pictures in a folder and in those inside it, in order of their names."""
    found: list[str] = []
    for root, _, names in os.walk(folder, onerror=_unreadable):
        found += [str(Path(root) / one) for one in names if promised(one) or Path(one).suffix.lower() in _GRIDS]
    return sorted(one for one in found if Path(one).is_file())


def _unreadable(error: OSError) -> NoReturn:
    """Raise for a folder that cannot be listed: its pictures would be missing, and nobody would know."""
    raise ImageError(f"{quoted(error.filename)}: {error.strerror} (check who may read it)") from error


def arrays_of(path: str, wanted: Sequence[str], limit: int | None) -> dict[str, Array]:
    """Return those arrays of a ``.npz`` that are wanted."""
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = {one.filename.removesuffix(".npy"): one.file_size for one in archive.infolist()}
        need = sum(size for name, size in sizes.items() if name in wanted)
        if limit is not None and need > limit:
            raise ResourceError(
                f"{quoted(path)}: takes {bytes_text(need)}, the limit is {bytes_text(limit)} (--max-memory {need})"
            )
        with np.load(path, allow_pickle=False) as found:
            return {name: found[name] for name in wanted if name in sizes}
    except OSError as error:
        raise ImageError(f"{quoted(path)}: {error.strerror or error}") from error
    except zipfile.BadZipFile as error:
        raise ImageError(f"{quoted(path)}: is no .npz, and no folder with a folder for each class") from error
    except (ValueError, EOFError, zlib.error, NotImplementedError, RuntimeError) as error:
        reason = (
            "holds Python objects (save names as text, numbers as numbers)" if "pickle" in str(error) else str(error)
        )
        raise ImageError(f"{quoted(path)}: {reason}") from error


def images_of(found: Array, layout: str, path: str) -> tuple[Array, tuple[str, ...]]:
    """Return pictures as ``(N, C, H, W)``, and what was guessed of the order of their axes."""
    if found.ndim in (3, 4) and not found.size:
        raise ShapeError(f"{quoted(path)}: holds no pictures: images have the shape {found.shape}")
    if found.ndim not in (3, 4) or found.dtype.kind not in "biuf":
        kind = f"shape {found.shape} of {found.dtype}"
        raise ShapeError(
            f"{quoted(path)}: images must be real numbers (N, H, W), (N, C, H, W) or (N, H, W, C), got {kind}"
        )
    if found.ndim == 3:
        found = found[:, None]
    last = found.shape[3] in _CHANNELS and found.shape[1] not in _CHANNELS
    if layout == "HWC" or (layout == "auto" and last):
        note = () if layout == "HWC" else (f"images {found.shape} are taken as (N, H, W, C) (--layout CHW if not)",)
        return np.ascontiguousarray(found.transpose(0, 3, 1, 2)), note
    return found, ()


def labels_of(found: Array, path: str) -> tuple[str, ...]:
    """Return labels as text, whole numbers without a point."""
    values = found[:, 0] if found.ndim == 2 and found.shape[1] == 1 else found
    if values.ndim != 1:
        hint = "; of rows with a single 1, argmax(axis=1) makes them" if values.ndim == 2 else ""
        raise ShapeError(f"{quoted(path)}: labels must be (N,), one for each image, got {found.shape}{hint}")
    if values.dtype.kind == "f" and np.isfinite(values).all() and not (values % 1).any():
        values = values.astype(np.int64)
    if values.dtype.kind not in "biuU":
        raise ParameterError(f"{quoted(path)}: labels must be whole numbers or names, got {values.dtype}")
    return tuple(map(str, (values.astype(int) if values.dtype.kind == "b" else values).tolist()))


class Sizes(NamedTuple):
    """What pictures have in common: rows and columns where all are of one size, channels, and their type."""

    size: Pair | None
    channels: int
    unit: bool


def sizes_of(data: Dataset) -> Sizes:
    """Return what the pictures that can be read have in common; gray pictures among colours are colours too.

    Whether values are shares of white (``unit``) is said of the type: bytes and 16 bits are, and so are fractions
    from 0 to 1; grids and anything else are taken as they are stored.
    """
    if data.images is not None:
        images = data.images
        whole = images.dtype.kind in "ui" and images.dtype.itemsize <= 2
        unit = whole or bool(images.min() >= 0 and images.max() <= 1)
        return Sizes((images.shape[2], images.shape[3]), images.shape[1], unit)
    sizes: set[Pair] = set()
    channels, grids, first = 1, 0, None
    for name in data.files:
        try:
            picture = data.opening.picture(name)
        except CnnFilterError as error:
            first = first or error
            continue
        sizes.add((picture.height, picture.width))
        channels, grids = max(channels, picture.channels - picture.has_alpha), grids + picture.grid
    if not sizes:
        raise ImageError(f"{quoted(data.name)}: none of its pictures can be read: {first}")
    return Sizes(next(iter(sizes)) if len(sizes) == 1 else None, channels, grids == 0)


def prepared(data: Dataset, model: Model, *, failed: Callable[[str, CnnFilterError], None]) -> tuple[Array, Array]:
    """Return the pictures as the network takes them ``(N, C, H, W)``, and the place of each in the dataset.

    Pictures that cannot be read, or do not fit, are handed to `failed` and left out.
    """
    if data.images is not None:
        return array_input(data.images, model), np.arange(data.total)
    kept: list[Array] = []
    places: list[int] = []
    for index, name in enumerate(data.files):
        try:
            kept.append(picture_input(data.opening.picture(name), model))
        except CnnFilterError as error:
            failed(name, error)
            continue
        places.append(index)
    if not kept:
        raise ImageError(f"{quoted(data.name)}: none of its pictures can be read")
    sizes = {one.shape for one in kept}
    if len(sizes) > 1:
        shown = " and ".join("x".join(map(str, shape)) for shape in sorted(sizes)[:3])
        raise ShapeError(f"{quoted(data.name)}: pictures of {shown}: the network needs an input of one size (--size)")
    return np.stack(kept), np.array(places)
