"""A training as it is told: facts first, a row for each epoch, and what it came to."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cnnfilter.files import printable
from cnnfilter.networks.results import share_text
from cnnfilter.views.terminal import columns, cut

if TYPE_CHECKING:
    from cnnfilter.networks.train import Epoch
    from cnnfilter.run.judge import Judged
    from cnnfilter.run.train import Training


def header(training: Training) -> str:
    """Return what is trained on what, and the heads of the columns."""
    trainer = training.trainer
    network, chosen = trainer.network, trainer.settings
    rows, wide = network.input.size or (0, 0)
    held = 0 if trainer.held is None else len(trainer.held.labels)
    seen = f"{len(trainer.seen.labels):,} pictures to learn from, {held:,} held out; {len(network.classes)} classes"
    made = (
        f"{len(network.layers)} layers of {network.parameters:,} numbers, taking {network.input.channels}x{rows}x{wide}"
    )
    how = f"{chosen.optimizer} with steps of {chosen.rate:g}, {chosen.batch_size} pictures each"
    return "\n".join([seen, made, how, "", "epoch      loss  accuracy  hold-out"])


def epoch_row(epoch: Epoch, training: Training) -> str:
    """Return one epoch as a row; a star marks the best so far."""
    held = "-" if epoch.held_accuracy is None else f"{100 * epoch.held_accuracy:.2f} %"
    best = max(training.trainer.history[: epoch.epoch], key=lambda one: one.merit)
    star = "  *" if best.epoch == epoch.epoch else ""
    return f"{epoch.epoch:5}  {epoch.loss:8.4f}  {100 * epoch.accuracy:6.2f} %  {held:>8}{star}"


def ended(training: Training, written: Sequence[str]) -> str:
    """Return why training is over, what was kept, and the files."""
    trainer = training.trainer
    best = trainer.history[trainer.best_epoch - 1]
    why = f"no better for {trainer.settings.patience} epochs; " if trainer.tired else ""
    if best.held_accuracy is None or trainer.held is None:
        came = f"{best.accuracy:.2%} of the training pictures right on the way (nothing was held out)"
    else:
        count = len(trainer.held.labels)
        came = f"{round(best.held_accuracy * count)} of {count} held-out pictures right, {best.held_accuracy:.2%}"
    lines = [
        "",
        f"{why}kept the weights of epoch {best.epoch}: {came}",
        *(f"wrote {printable(name)}" for name in written),
    ]
    return "\n".join(lines)


def training_json(training: Training, written: Sequence[str]) -> str:
    """Return a training for machines."""
    trainer = training.trainer
    rows = [_row(one) for one in trainer.history]
    document: dict[str, Any] = {
        "classes": list(trainer.network.classes), "pictures": len(trainer.seen.labels),
        "held_out": 0 if trainer.held is None else len(trainer.held.labels), "parameters": trainer.network.parameters,
        "settings": trainer.settings._asdict() | {"learning_rate": trainer.settings.rate},
        "best": rows[trainer.best_epoch - 1], "stopped_early": trainer.tired, "history": rows,
        "outputs": list(written), "notes": list(training.notes),
    }  # fmt: skip
    return json.dumps(document, indent=2, allow_nan=False)


def _row(one: Epoch) -> dict[str, Any]:
    """Return an epoch for machines."""
    return {
        "epoch": one.epoch, "loss": one.loss, "accuracy": one.accuracy, "hold_out_loss": one.held_loss,
        "hold_out_accuracy": one.held_accuracy,
    }  # fmt: skip


def confusion(classes: Sequence[str], table: Sequence[Sequence[int]], width: int) -> str:
    """Return how often pictures of each class were taken for each; wrong ones only where all do not fit.

    Examples
    --------
    >>> print(confusion(["cat", "dog"], [[8, 2], [0, 5]], 80))
    shows  cat  dog  right
    ──────────────────────
    cat      8    2   80 %
    dog      .    5  100 %
    """
    rows: list[list[str]] = []
    for name, counts in zip(classes, table, strict=True):
        total = sum(counts)
        share = f"{100 * counts[len(rows)] / total:.3g} %" if total else "-"
        rows.append([printable(name), *(str(count) if count else "." for count in counts), share])
    whole = columns(rows, "<" + ">" * (len(classes) + 1), header=["shows", *map(printable, classes), "right"])
    if max(map(len, whole.split("\n"))) <= width:
        return whole
    pairs = [
        (-count, classes[shown], classes[said])
        for shown, counts in enumerate(table)
        for said, count in enumerate(counts)
        if shown != said and count
    ]
    wrong = sorted(pairs)
    most = [[printable(shown), printable(said), str(-count)] for count, shown, said in wrong[:20]]
    rest = f"\n(and {len(wrong) - 20} other pairs)" if len(wrong) > 20 else ""
    return (
        columns(most, "<<>", header=["shows", "taken for", "pictures"]) + rest
        if most
        else "(none is taken for another)"
    )


def judged_text(found: Judged, width: int, most: int = 5) -> str:
    """Return accuracy, the confusion table, and the first mistakes."""
    lines = [f"{found.right:,} of {found.total:,} right: {found.accuracy:.2%}", ""]
    lines.append(confusion(found.classes, found.table.tolist(), width))
    if found.mistakes:
        rows = [
            [cut(printable(one.name), max(16, width - 44)), printable(one.label), printable(one.predicted),
             share_text(one.probability)] for one in found.mistakes[:most]
        ]  # fmt: skip
        lines += ["", columns(rows, "<<<>", header=["mistaken", "shows", "taken for", "with"])]
    if len(found.mistakes) > most:
        lines.append(f"(and {len(found.mistakes) - most} more; --json lists all)")
    return "\n".join(lines)


def judged_json(found: Judged) -> str:
    """Return the same for machines."""
    document = {
        "accuracy": found.accuracy, "right": found.right, "of": found.total, "classes": list(found.classes),
        "confusion": found.table.tolist(), "mistakes": [one._asdict() for one in found.mistakes],
        "notes": list(found.notes),
    }  # fmt: skip
    return json.dumps(document, indent=2, allow_nan=False)
