"""One input through its recipe, in whatever process: done, measured, and packed for the way back."""

from __future__ import annotations

import os
import pickle
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from cnnfilter.batch.inputs import Found
from cnnfilter.batch.place import Place, content_of
from cnnfilter.batch.recipe import Made, Recipe, plan_files
from cnnfilter.batch.records import DONE, FAILED, Planned, Record, Written, digest_of
from cnnfilter.core.arrays import Array
from cnnfilter.errors import CnnFilterError, ImageError, ResourceError, lookup
from cnnfilter.files import PART_SUFFIX, output_error, quoted
from cnnfilter.images.frames import ALL, frame_name
from cnnfilter.images.picture import MOST_FRAMES, Picture
from cnnfilter.images.read import count_pictures, open_picture
from cnnfilter.run.outputs import Output


@dataclass(frozen=True)
class Job:
    """What all inputs of a run share.

    Attributes
    ----------
    recipe
        What to do with each.
    place
        Where the results go.
    digest
        Fingerprint of the parameters.
    """

    recipe: Recipe
    place: Place
    digest: str


@dataclass(frozen=True)
class Outcome:
    """How one input came out, and what follows from it.

    Attributes
    ----------
    again
        It failed for want of memory or by the death of its worker: one more try alone may help.
    stop
        No other input would fare better: the disk is full, or the output cannot be written to.
    """

    item: Planned
    record: Record
    again: bool = False
    stop: bool = False


def do_item(job: Job, item: Planned, limit: int | None) -> Outcome:
    """Do one input; whatever goes wrong with it becomes part of its record."""
    try:
        return Outcome(item, _record(job, item, limit))
    except ResourceError as error:
        full = isinstance(error.__cause__, OSError)
        return failed(job, item, str(error), again=not full, stop=full)
    except MemoryError:
        return failed(job, item, "out of memory", again=True)
    except CnnFilterError as error:
        return failed(job, item, str(error))
    except Exception as error:  # a bug must not take the other inputs with it
        return failed(job, item, f"{type(error).__name__}: {error} (this is a bug: please report it)")


def failed(job: Job, item: Planned, reason: str, *, again: bool = False, stop: bool = False) -> Outcome:
    """Return the outcome of an input that could not be done."""
    return Outcome(item, Record(job.digest, item.key, item.size, item.stamp, FAILED, reason), again, stop)


def _record(job: Job, item: Planned, limit: int | None) -> Record:
    """Return the record of an input that could be done."""
    if item.reason:
        raise ImageError(f"{quoted(item.key)}: {item.reason}")
    size, stamp, picture = _open(job, item, limit)
    with job.place.writing(item.folder) as folder:
        done, written = _apply(job, item, picture, folder, limit)
        written = tuple(job.place.put(folder / Path(one.path).name, one) for one in written)
    features = tuple(measure_maps(one.hold(), job.recipe.measures) for one in done) if job.recipe.measures else ()
    notes = tuple(dict.fromkeys(note for one in done for note in one.row.get("notes", ())))
    return Record(
        job.digest, item.key, size, stamp, DONE, "", written, tuple(one.row for one in done), features, notes=notes
    )  # fmt: skip


def _open(job: Job, item: Planned, limit: int | None) -> tuple[int, str, Picture]:
    """Open an input; return its bytes and its stamp as they were while it was read."""
    reading = job.recipe.reading
    if reading.frame == ALL:
        reading = reading._replace(frame=item.frame or 0)
    pixels = job.recipe.max_pixels
    words: dict[str, Any] = {"name": item.key, "max_pixels": pixels, "max_memory": limit, "reading": reading}
    content = content_of(item.source)
    if isinstance(content, bytes):
        return len(content), item.stamp, open_picture(content, **words)
    before = _stamp(item)
    picture = open_picture(content, **words)
    if _stamp(item) != before:
        raise ImageError(f"{quoted(item.key)}: changed while it was read")
    return *before, picture


def _stamp(item: Planned) -> tuple[int, str]:
    """Return size and time of a file; only regular files are opened, whatever took their place since."""
    try:
        status = Path(item.source).stat()
    except (OSError, ValueError) as error:
        raise ImageError(f"{quoted(item.key)}: {getattr(error, 'strerror', None) or error}") from error
    if not stat.S_ISREG(status.st_mode):
        raise ImageError(f"{quoted(item.key)}: is no regular file any more")
    return status.st_size, str(status.st_mtime_ns)


def _apply(
    job: Job, item: Planned, picture: Picture, folder: Path, limit: int | None
) -> tuple[list[Made], tuple[Written, ...]]:
    """Compute and write; return the results and what is in the files."""
    outputs = [
        Output(label, form, folder / name, durable=False) for label, form, name in plan_files(job.recipe, item.stem)
    ]
    done = job.recipe.apply(picture, outputs, limit)
    prefix = f"{item.folder}/" if item.folder else ""
    return done, tuple(
        Written(prefix + output.path.name, *digest_of(output.path)) for output in outputs if output.path is not None
    )


def quiet_errors() -> None:
    """Send what C libraries print to nowhere: their lines name no file and would break the progress bar."""
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)


#: What is measured unless something else is asked for.
DEFAULT = ("mean", "std", "energy", "q5", "q25", "q50", "q75", "q95")


def parse_measures(text: str | None) -> tuple[str, ...]:
    """Return the measures that a text names, separated by commas.

    Examples
    --------
    >>> parse_measures("mean, q50"), parse_measures(None)[:3]
    (('mean', 'q50'), ('mean', 'std', 'energy'))
    """
    if text is None:
        return DEFAULT
    names = tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
    for name in names:
        if not _quantile(name):
            lookup(MEASURES, name, "measure")
    return names or DEFAULT


def _quantile(name: str) -> bool:
    """Say whether a name is a quantile: q0 to q100."""
    return name[:1] == "q" and name[1:].isdecimal() and len(name) < 5 and int(name[1:]) <= 100


def measure_maps(values: Array, names: Sequence[str]) -> tuple[tuple[float, ...], ...]:
    """Return the measures of each channel of maps ``(C, oH, oW)``, of its finite values alone.

    Examples
    --------
    >>> measure_maps(np.arange(6.0).reshape(1, 2, 3), ["mean", "energy", "q50", "max"])
    ((2.5, 9.166666666666666, 2.5, 5.0),)
    """
    out = []
    for channel in values:
        flat = channel.ravel()
        if not np.isfinite(flat).all():
            flat = flat[np.isfinite(flat)]
        if not flat.size:
            out.append((float("nan"),) * len(names))
            continue
        points = [int(name[1:]) / 100 for name in names if _quantile(name)]
        quantiles = dict(zip((n for n in names if _quantile(n)), np.quantile(flat, points), strict=True))
        out.append(tuple(float(quantiles[n] if n in quantiles else MEASURES[n](flat)) for n in names))
    return tuple(out)


def _mean(values: Array) -> float:
    """Return the mean, which is global average pooling."""
    return float(values.mean(dtype=np.float64))


def _std(values: Array) -> float:
    """Return the standard deviation of the population."""
    return float(values.std(dtype=np.float64))


def _energy(values: Array) -> float:
    """Return the mean square, Laws' texture energy."""
    return float(np.square(values, dtype=np.float64).mean())


def _l1(values: Array) -> float:
    """Return the mean absolute value."""
    return float(np.abs(values).mean(dtype=np.float64))


def _min(values: Array) -> float:
    """Return the smallest value."""
    return float(values.min())


def _max(values: Array) -> float:
    """Return the largest value, which is global max pooling."""
    return float(values.max())


#: Measures by name; ``q`` and a number from 0 to 100 is a quantile.
MEASURES: dict[str, Callable[[Array], float]] = {
    "mean": _mean, "std": _std, "energy": _energy, "l1": _l1, "min": _min, "max": _max,
}  # fmt: skip


def each_frame(found: Iterable[Found]) -> Iterator[Found]:
    """Yield the frames of each input; one that has a single frame, or cannot be read, as it is."""
    for one in found:
        count = 1 if one.reason else _count(one)
        if count > MOST_FRAMES:
            reason = f"more than {MOST_FRAMES} frames, the most that are taken at once (--frame N takes one)"
            yield msgspec.structs.replace(one, reason=reason)
        elif count == 1:
            yield one
        else:
            for frame in range(count):
                yield msgspec.structs.replace(one, key=frame_name(one.key, frame), frame=frame)


def _count(one: Found) -> int:
    """Return how many frames an input has; whoever opens it says what is wrong with it."""
    try:
        return count_pictures(content_of(one.source))
    except CnnFilterError:
        return 1


#: Bytes that go through a pipe whole: PIPE_BUF of Linux, less what the pool writes around them.
SHORT = 3500

#: What travels: an outcome, or the path of the file that holds it.
Parcel = bytes | str


def pack(job: Job, number: int, outcome: Outcome) -> Parcel:
    """Return what to send in place of the outcome of an input."""
    data = pickle.dumps(outcome, pickle.HIGHEST_PROTOCOL)
    if len(data) <= SHORT:
        return data
    path = job.place.state / f".{os.getpid()}-{number}{PART_SUFFIX}"  # swept like any unfinished file
    try:
        path.write_bytes(data)
    except OSError as error:
        lost = failed(job, outcome.item, str(output_error(error, path)), stop=True)
        return pickle.dumps(lost, pickle.HIGHEST_PROTOCOL)
    return str(path)


def unpack(parcel: Parcel) -> Outcome:
    """Return the outcome that was sent.

    Raises
    ------
    OSError
        If the file that holds it is gone.
    """
    if isinstance(parcel, str):
        path = Path(parcel)
        parcel = path.read_bytes()
        path.unlink()
    outcome: Outcome = pickle.loads(parcel)
    return outcome
