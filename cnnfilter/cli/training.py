"""What `train` does with its flags: pictures read, epochs told as they end, the best weights written."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from cnnfilter.cli.shared import Failures
from cnnfilter.core.shapes import rows_by_columns
from cnnfilter.errors import OutputError, ParameterError
from cnnfilter.files import atomic_output, check_outputs, quoted
from cnnfilter.images.film import draw_filters
from cnnfilter.networks.train import Settings
from cnnfilter.run.dataset import Opening, read_dataset
from cnnfilter.run.options import check_threads
from cnnfilter.run.train import Training, Wanted, begin
from cnnfilter.run.training_files import Outputs, check_writable, resume, write_progress, write_results
from cnnfilter.text import slug
from cnnfilter.views.terminal import write, write_notes
from cnnfilter.views.training import ended, epoch_row, header, training_json

#: Frames of a film: of more epochs, as many are shown, evenly apart.
FRAMES = 40


class Job(NamedTuple):
    """What is read and written, and what is told."""

    data: str
    start: str | None
    output: str | None
    film: str | None
    opening: Opening
    resume: bool
    json: bool
    quiet: bool


def train_job(job: Job, settings: Settings, hold_out: float, size: str | None, threads: int | None) -> None:
    """Train, and exit with the code that failures stand for."""
    check_threads(threads)
    wanted = Wanted(job.start, settings, hold_out, rows_by_columns(size, "--size") if size else None, threads)
    wanted.check()
    failures = Failures()
    training = begin(read_dataset(job.data, job.opening), wanted, failed=failures.add)
    outputs, form = _planned(job, training)
    if job.resume and not resume(training, outputs):
        if outputs.network.exists():
            write_notes(
                f"{quoted(outputs.network)} is there, its training is over, and nothing is left to resume "
                f"(--network {outputs.network} -o OTHER.yaml goes on from its weights)"
            )
            return
        training = training._replace(notes=(*training.notes, "there is nothing to resume: training begins"))
    if not job.quiet:
        write_notes(*training.notes)
    _run(training, outputs, quiet=job.quiet or job.json)
    written = _finish(training, outputs, job.film, form)
    if job.json:
        sys.stdout.write(training_json(training, written) + "\n")
    elif not job.quiet:
        write(ended(training, written))
    failures.leave()


def _planned(job: Job, training: Training) -> tuple[Outputs, str]:
    """Return the files that are written, none of them an input, and the form of the film."""
    data = Path(job.data)
    read = [*([data] if data.is_file() else []), *training.network.files]
    stem = slug(data.stem if data.is_file() else data.resolve().name)
    outputs = Outputs.of(job.output or f"{stem}.yaml", read)
    check_outputs(outputs, read)
    form = ""
    if job.film is not None:
        form = Path(job.film).suffix.lower().lstrip(".")
        if form not in ("gif", "webp", "png"):
            raise OutputError(f"{quoted(job.film)}: a film ends in .webp or .gif, or .png for before and after")
        if not training.trainer.film:
            raise ParameterError("--film shows the filters of a convolution, and the network has none")
        check_outputs([job.film], [*read, *outputs], "--film")
        check_writable(Path(job.film), "--film")
    return outputs, form


def _run(training: Training, outputs: Outputs, *, quiet: bool) -> None:
    """Train to the end; what is interrupted keeps the best weights so far."""
    trainer = training.trainer
    if not quiet:
        write(header(training))
        for epoch in trainer.history:
            write(epoch_row(epoch, training))
    try:
        while not trainer.finished:
            epoch = trainer.epoch()
            write_progress(training, outputs)
            if not quiet:
                write(epoch_row(epoch, training))
                sys.stdout.flush()
    except (KeyboardInterrupt, SystemExit):
        if trainer.history:
            write_results(training, outputs)
            write_notes(
                f"stopped in epoch {len(trainer.history) + 1}; {quoted(outputs.network)} has the best weights "
                f"so far, of epoch {trainer.best_epoch} (--resume goes on)"
            )
        else:
            write_notes("stopped in the first epoch: nothing was written")
        raise


def _finish(training: Training, outputs: Outputs, film: str | None, form: str) -> list[str]:
    """Write what training came to; return the files."""
    write_results(training, outputs)
    written = [str(outputs.network), str(outputs.weights), str(outputs.history)]
    if film is not None:
        _write_film(training, film, form)
        written.append(film)
    outputs.progress.unlink(missing_ok=True)
    return written


def _spread(count: int, most: int) -> Sequence[int]:
    """Return at most so many numbers from 0 to ``count - 1``, evenly apart, both ends among them.

    Examples
    --------
    >>> _spread(5, 3), _spread(2, 3)
    ([0, 2, 4], [0, 1])
    """
    if count <= most:
        return list(range(count))
    return [round(index * (count - 1) / (most - 1)) for index in range(most)]


def _write_film(training: Training, film: str, form: str) -> None:
    """Write the filters of the first convolution on their way; the last frame has the weights that were kept."""
    trainer = training.trainer
    said = ["before: random numbers" if training.nameless else "before"]
    for one in trainer.history[: trainer.best_epoch]:
        share = one.accuracy if one.held_accuracy is None else one.held_accuracy
        said.append(f"after epoch {one.epoch}: {share:.1%} right")
    steps = [(said[index], trainer.film[index]) for index in _spread(len(said), FRAMES)]
    title = f"{trainer.shown}: {len(steps[0][1])} filters learn to tell {len(trainer.network.classes)} classes apart"
    with atomic_output(film) as file:
        file.write(draw_filters(title, steps, form))
