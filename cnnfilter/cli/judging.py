"""What `run --labels` does: a network's answers held against what pictures are known to show."""

from __future__ import annotations

from collections.abc import Sequence

from cnnfilter.cli.networks import Wanted
from cnnfilter.cli.shared import Failures, Files
from cnnfilter.errors import ParameterError
from cnnfilter.networks.model import Model
from cnnfilter.run.dataset import Opening
from cnnfilter.run.judge import judge
from cnnfilter.run.labels import with_labels
from cnnfilter.views.terminal import terminal_width, write, write_notes
from cnnfilter.views.training import judged_json, judged_text


def judge_pictures(model: Model, names: Sequence[str], labels: str, wanted: Wanted, files: Files) -> None:
    """Print how often a network is right, and what it takes for what."""
    if len(names) != 1:
        raise ParameterError(f"--labels takes one folder, or one .npz, of pictures; got {len(names)}")
    if wanted.save or wanted.layers or wanted.view.numbers:
        raise ParameterError("--labels asks how often the network is right: no layers are shown or saved with it")
    failures = Failures()
    model.ready(wanted.options.threads)
    opening = Opening(wanted.options.max_memory, files.max_pixels, files.reading)
    found = judge(model, with_labels(labels, names[0], opening), wanted.options, failed=failures.add)
    if wanted.view.json:
        write(judged_json(found))
    elif not wanted.view.quiet:
        write_notes(*found.notes)
        write(judged_text(found, terminal_width()))
    failures.leave()
