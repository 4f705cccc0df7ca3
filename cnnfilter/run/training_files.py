"""The files of a training: the network with its weights and its history, and what it goes on from."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cnnfilter.errors import OutputError, ParameterError, ResourceError
from cnnfilter.files import atomic_output, quoted
from cnnfilter.networks.train import Epoch
from cnnfilter.networks.write import network_file, weights_file
from cnnfilter.run.train import Training


class Outputs(NamedTuple):
    """The files of a training: the network, its weights, its history, and what it goes on from while it is not over."""

    network: Path
    weights: Path
    history: Path
    progress: Path

    @classmethod
    def of(cls, output: str, read: Sequence[Path]) -> Outputs:
        """Return the files beside a network file; weights get a longer name where theirs is that of what is read.

        Raises
        ------
        OutputError
            If the network file does not end in ``.yaml``, or a file of somebody else has the weights' name.
        """
        path = Path(output)
        if path.suffix.lower() not in (".yaml", ".yml"):
            raise OutputError(f"{quoted(output)}: a network file ends in .yaml")
        taken = {one.resolve() for one in read}
        weights = path.with_suffix(".npz")
        weights = path.with_suffix(".weights.npz") if weights.resolve() in taken else weights
        made = cls(path, weights, path.with_suffix(".history.csv"), path.with_suffix(".progress.npz"))
        for one in made:
            check_writable(one)
        if weights.exists() and not (path.exists() or made.progress.exists()):
            raise OutputError(f"{quoted(weights)}: is there, and no network of ours beside it (choose another -o)")
        return made


def check_writable(path: Path, flag: str = "-o") -> None:
    """Raise if a file cannot be written before hours are spent on what it is to hold.

    Raises
    ------
    OutputError
        If it is a folder, or lies in none.
    ResourceError
        If its folder may not be written to.
    """
    if path.is_dir():
        raise OutputError(f"{quoted(path)}: is a folder (choose another {flag})")
    if not path.parent.is_dir():
        raise OutputError(f"{quoted(path)}: cannot write: its folder does not exist (choose another output)")
    if not os.access(path.parent, os.W_OK):
        raise ResourceError(f"{quoted(path.parent)}: Permission denied (check the permissions, or write elsewhere)")


def write_results(training: Training, outputs: Outputs) -> None:
    """Write weights, network and history, each whole: the network last of what it needs."""
    network = training.network
    named = replace(network, name=outputs.network.stem) if training.nameless else network
    for path, data in (
        (outputs.weights, weights_file(named)),
        (outputs.network, network_file(named, training.document, outputs.weights.name)),
        (outputs.history, history_file(training.trainer.history)),
    ):
        with atomic_output(path) as file:
            file.write(data)


def history_file(history: list[Epoch]) -> bytes:
    """Return the epochs as a table: loss, accuracy, and accuracy on the hold-out, empty where there is none."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("epoch", "loss", "accuracy", "hold-out accuracy"))
    for one in history:
        held = "" if one.held_accuracy is None else f"{one.held_accuracy:.6f}"
        table.writerow((one.epoch, f"{one.loss:.6f}", f"{one.accuracy:.6f}", held))
    return text.getvalue().encode()


def write_progress(training: Training, outputs: Outputs) -> None:
    """Write what the training goes on from."""
    mark = np.array(json.dumps(training.mark))
    with atomic_output(outputs.progress, durable=False) as file:
        np.savez(file, mark=mark, **training.trainer.state())  # type: ignore[arg-type]


def resume(training: Training, outputs: Outputs) -> bool:
    """Go on where a training was left; return whether there was anything to go on from.

    Raises
    ------
    ParameterError
        If pictures, network or settings are others than before; what differs is named.
    OutputError
        If the file is not readable.
    """
    if not outputs.progress.exists():
        return False
    try:
        with np.load(outputs.progress, allow_pickle=False) as found:
            state = dict(found)
        before = json.loads(str(state.pop("mark")))
    except (OSError, ValueError, KeyError) as error:
        raise OutputError(
            f"{quoted(outputs.progress)}: is no progress of a training (delete it, or leave out --resume)"
        ) from error
    for name, value in training.mark.items():
        if before.get(name) != value:
            digests = name in ("pictures", "network")
            was = "" if digests else f" ({before.get(name)} before, {value} now)"
            raise ParameterError(
                f"--resume: the {name} {'are' if name == 'pictures' else 'is'} not what it began with{was}: leave out "
                "--resume to begin anew"
            )
    training.trainer.restore(state)
    done, asked = len(training.trainer.history), training.trainer.settings.epochs
    if asked < done:
        raise ParameterError(f"--resume: {done} epochs are over already, and --epochs asks for {asked} (ask for more)")
    return True
