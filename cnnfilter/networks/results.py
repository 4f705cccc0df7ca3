"""What came out of a network: frozen facts about every layer, and what the last one says."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from cnnfilter.core.arrays import Array
from cnnfilter.core.receptive import UNKNOWN, ReceptiveField
from cnnfilter.networks.ending import Ending
from cnnfilter.networks.plan import LayerPlan


@dataclass(frozen=True, kw_only=True, eq=False)
class LayerResult:
    """One layer's output for one picture, and what is known of it.

    Attributes
    ----------
    values
        ``(C, H, W)``, ``(n,)``, or what an ONNX model gives, without the batch's axis.
    field
        What one value can see of the input.
    zeros
        Share of the values that are exactly 0 for this picture.
    zero_maps
        Maps that are 0 everywhere for this picture.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    macs: int
    field: ReceptiveField
    values: Array
    minimum: float
    maximum: float
    mean: float
    zeros: float
    zero_maps: int
    strange: int

    def without_values(self) -> LayerResult:
        """Return the facts alone: those of many pictures stay in memory."""
        return replace(self, values=np.empty(0, self.values.dtype))

    def as_json(self, *, values: bool = False) -> dict[str, Any]:
        """Return the facts for machines: strict JSON, ``null`` where a number does not exist."""
        facts: dict[str, Any] = {
            "name": self.name, "kind": self.kind, "shape": list(self.shape), "dtype": str(self.values.dtype),
            "parameters": self.parameters, "macs": self.macs,
            **self.field.as_json(),
            "min": _finite(self.minimum), "max": _finite(self.maximum), "mean": _finite(self.mean),
            "zeros": _finite(self.zeros), "zero_maps": self.zero_maps, "nan_or_infinite": self.strange,
        }  # fmt: skip
        if values:
            facts["values"] = _plain(self.values.tolist())
        return facts


class Score(NamedTuple):
    """One class and its probability."""

    name: str
    position: int
    probability: float


def share_text(probability: float) -> str:
    """Return a probability so that small ones still differ from none.

    Examples
    --------
    >>> share_text(0.62623), share_text(0.00003), share_text(0.0)
    ('0.6262', '3e-05', '0.0000')
    """
    return f"{probability:.4f}" if probability >= 5e-5 or probability == 0 else f"{probability:.0e}"


class Saved(NamedTuple):
    """What was written of a layer: the file, the map where it holds one, and the name in a file of several."""

    path: str
    layer: str
    map: int | None = None
    member: str = ""


class Prediction(NamedTuple):
    """What the last layer says.

    Attributes
    ----------
    kind
        ``distribution`` (probabilities that sum to 1), ``independent`` (each by itself, several may be true),
        ``yes-or-no`` (one probability), or ``values`` (numbers that stand for no classes).
    layer
        The layer that was read.
    scores
        The classes, most probable first; none for values.
    how
        How the scores come from the layer's values, or why there are none.
    values
        The layer's values where they are a vector and stand for no classes.
    softmax_applied
        Whether softmax was computed here, and is no part of the network.
    notes
        What the user should know about it.
    """

    kind: str
    layer: str
    scores: tuple[Score, ...] = ()
    how: str = ""
    values: tuple[float, ...] = ()
    softmax_applied: bool = False
    notes: tuple[str, ...] = ()

    @property
    def answer(self) -> str:
        """Yes or no, where that is the question."""
        if self.kind != "yes-or-no":
            return ""
        return "yes" if self.scores[0].probability >= 0.5 else "no"


@dataclass(frozen=True, kw_only=True, eq=False)
class NetworkResult:
    """Everything that came out for one picture."""

    source: str
    network: str
    layers: tuple[LayerResult, ...]
    prediction: Prediction
    saved: tuple[Saved, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def outputs(self) -> tuple[str, ...]:
        """The files that were written, each once."""
        return tuple(dict.fromkeys(one.path for one in self.saved))


def measure_layer(plan: LayerPlan, values: Array) -> LayerResult:
    """Return a layer's values with their facts."""
    numeric = values if values.dtype.kind in "iufb" else np.zeros(0)
    are_finite = np.isfinite(numeric)
    finite = numeric if are_finite.all() else numeric[are_finite]
    is_maps = values.ndim == 3
    return LayerResult(
        name=plan.name, kind=plan.kind, shape=values.shape, parameters=plan.parameters, macs=plan.macs,
        field=plan.field, values=values,
        minimum=float(finite.min()) if finite.size else math.nan,
        maximum=float(finite.max()) if finite.size else math.nan,
        mean=float(finite.mean(dtype=np.float64)) if finite.size else math.nan,
        zeros=np.count_nonzero(numeric == 0) / numeric.size if numeric.size else math.nan,
        zero_maps=int(np.count_nonzero(~values.any(axis=(1, 2)))) if is_maps else 0,
        strange=int(numeric.size - finite.size),
    )  # fmt: skip


def bare_layer(name: str, values: Array) -> LayerResult:
    """Return values with what can be told from them alone."""
    plan = LayerPlan(name=name, kind="", inputs=(), shape=values.shape, parameters=0, macs=0, field=UNKNOWN)
    return measure_layer(plan, values)


def predict(
    ending: Ending, outputs: Mapping[str, Array], classes: tuple[str, ...] = (), *, softmax: bool = False
) -> Prediction:
    """Return what the last layer says, by what it is.

    Parameters
    ----------
    ending
        What the network ends in.
    outputs
        The layers' values, without the batch's axis.
    classes
        What the last values stand for, where that is known.
    softmax
        Whether the last values are to be taken for scores of classes, whatever layer they come from.

    Examples
    --------
    >>> from cnnfilter.networks.ending import Ending
    >>> outputs = {"out": np.array([0.25, 0.75])}
    >>> predict(Ending("out", "out", "softmax", "softmax"), outputs, ("cat", "dog")).scores[0]
    Score(name='dog', position=1, probability=0.75)
    >>> predict(Ending("out", "out", "other", "relu"), outputs).kind
    'values'
    """
    values = outputs.get(ending.layer)
    if values is None or values.dtype.kind not in "iuf" or max(values.shape, default=1) != values.size:
        return Prediction("values", ending.layer, how="no vector")
    vector = values.reshape(-1).astype(np.float64)
    decided = outputs.get(ending.decider, values).shape or (1,)
    kind, how, shares = _read(ending, vector, classes, softmax=softmax, covered=ending.covers(decided))
    whole = values.dtype.kind != "f" and not softmax  # quantised values are no probabilities
    if kind == "values" or whole or not np.isfinite(shares).all():
        return Prediction("values", ending.layer, how=ending.operation, values=tuple(vector.tolist()))
    notes = [ending.note] if ending.note else []
    if classes and len(classes) != vector.size:
        notes.append(f"{len(classes)} class names for {vector.size} values: numbers are shown instead")
    names = classes if len(classes) == vector.size else tuple(map(str, range(vector.size)))
    if kind == "yes-or-no" and not classes:
        names = ("yes",)
    order = np.argsort(-shares, kind="stable")
    scores = tuple(Score(names[i], int(i), float(shares[i])) for i in order)
    return Prediction(kind, ending.layer, scores, how, softmax_applied=how == APPLIED, notes=tuple(notes))


#: Said where softmax is no part of the network.
APPLIED = "softmax of the last layer's values"


def _read(
    ending: Ending, vector: Array, classes: tuple[str, ...], *, softmax: bool, covered: bool
) -> tuple[str, str, Array]:
    """Return the kind of a prediction, how it comes from the values, and the probabilities."""
    if ending.kind == "sigmoid":
        if vector.size == 1:
            return "yes-or-no", "one sigmoid: yes from 0.5 on", vector
        return "independent", "sigmoids: each by itself, several may be true", vector
    if vector.size < 2:
        return "values", "", vector
    if ending.kind == "softmax" and covered:
        return "distribution", "", vector
    if ending.kind == "log-softmax" and covered:
        return "distribution", "exponentials of the last layer's log-softmax", np.exp(vector)
    if softmax or (ending.kind == "linear" and (ending.classifier or len(classes) == vector.size)):
        with np.errstate(invalid="ignore"):
            powers = np.exp(vector - vector.max())
        return "distribution", APPLIED, powers / powers.sum()
    return "values", "", vector


def _finite(value: float) -> float | None:
    """Return a number, or None for what JSON cannot hold."""
    return value if math.isfinite(value) else None


def _plain(value: Any) -> Any:
    """Return nested lists with None for what JSON cannot hold."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return _finite(value) if isinstance(value, float) else value
