"""How often a network is right: its answers held against what pictures are known to show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from cnnfilter.core.arrays import Array
from cnnfilter.errors import CnnFilterError, ParameterError
from cnnfilter.files import quoted
from cnnfilter.networks.model import Model
from cnnfilter.networks.results import Prediction, predict
from cnnfilter.run.dataset import Dataset, prepared
from cnnfilter.run.network import NetworkOptions, check_options

#: Pictures that go through the network together.
TOGETHER = 256
#: What stands for a yes and a no in labels.
_YES, _NO = ("yes", "1", "true"), ("no", "0", "false")


class Mistake(NamedTuple):
    """A picture that was taken for something else: what it is called, shows, was taken for, and how surely."""

    name: str
    label: str
    predicted: str
    probability: float


class Judged(NamedTuple):
    """What came of all pictures.

    Attributes
    ----------
    classes
        What a picture may show.
    table
        Pictures ``(K, K)``: what they show down, what they were taken for across.
    mistakes
        Those that were taken for something else, in order.
    notes
        What was guessed.
    """

    classes: tuple[str, ...]
    table: Array
    mistakes: tuple[Mistake, ...]
    notes: tuple[str, ...]

    @property
    def total(self) -> int:
        """Pictures that were judged."""
        return int(self.table.sum())

    @property
    def right(self) -> int:
        """Those that were taken for what they show."""
        return int(np.trace(self.table))

    @property
    def accuracy(self) -> float:
        """The share that is right."""
        return self.right / self.total


def judge(
    model: Model, data: Dataset, options: NetworkOptions, *, failed: Callable[[str, CnnFilterError], None]
) -> Judged:
    """Return how often a model is right about pictures whose classes are known.

    Raises
    ------
    ParameterError
        If the model says nothing about classes, or the labels are none of its classes.
    """
    images, places = prepared(data, model, failed=failed)
    plan = model.plan((images.shape[2], images.shape[3]), images.shape[1])
    check_options(model, plan, options)
    keep = list(dict.fromkeys((plan.ending.layer, plan.ending.decider)))
    said: list[Prediction] = []
    for start in range(0, len(images), TOGETHER):
        part = images[start : start + TOGETHER]
        outputs = model.run(part.astype(model.takes or options.dtype, copy=False), threads=options.threads, keep=keep)
        for index in range(len(part)):
            own = {name: values[index] for name, values in outputs.items()}
            said.append(predict(plan.ending, own, model.classes, softmax=options.softmax))
    classes = _classes(said[0], model)
    labels, notes = _labels([data.labels[place] for place in places], classes, data.name)
    number = {name: index for index, name in enumerate(classes)}
    answers = [one.answer or one.scores[0].name for one in said]
    table = np.zeros((len(classes), len(classes)), int)
    np.add.at(table, ([number[name] for name in labels], [number[name] for name in answers]), 1)
    mistakes = [
        Mistake(data.called(int(place)), label, answer, one.scores[0].probability)
        for place, label, answer, one in zip(places, labels, answers, said, strict=True)
        if label != answer
    ]
    notes = [*data.notes, *model.remarks, *said[0].notes, *notes]
    if said[0].kind == "independent":
        notes.append("sigmoids say each class by itself: the most probable one is taken")
    return Judged(classes, table, tuple(mistakes), tuple(notes))


def _classes(said: Prediction, model: Model) -> tuple[str, ...]:
    """Return what a picture may be taken for, in the order of the last values."""
    if said.kind == "yes-or-no":
        return ("no", "yes")
    if not said.scores:
        raise ParameterError(
            f"{quoted(model.files[0])}: says nothing about classes: it ends in {said.how} (--softmax takes its last "
            "values for scores)"
        )
    return tuple(one.name for one in sorted(said.scores, key=lambda one: one.position))


def _labels(labels: Sequence[str], classes: tuple[str, ...], name: str) -> tuple[list[str], list[str]]:
    """Return labels as classes of the network, and what was guessed: numbers may stand for names."""
    if classes == ("no", "yes"):
        plain = dict.fromkeys(_YES, "yes") | dict.fromkeys(_NO, "no")
        labels = [plain.get(label.lower(), label) for label in labels]
    unknown = [label for label in labels if label not in classes]
    if not unknown:
        return list(labels), []
    if all(label.isdecimal() and int(label) < len(classes) for label in labels):
        return [classes[int(label)] for label in labels], [
            f"labels are numbers, and taken for places among the classes: 0 is {classes[0]}, 1 {classes[1]}"
        ]
    shown = ", ".join(classes[:12]) + (", ..." if len(classes) > 12 else "")
    raise ParameterError(f"{quoted(name)}: the label {unknown[0]!r} is no class of the network: {shown}")
