"""What came out of a network: frozen facts about every layer, and what the last one says."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from cnnfilter.core.shapes import Pair
from cnnfilter.network.plan import LayerPlan
from cnnfilter.network.spec import Array


@dataclass(frozen=True, kw_only=True, eq=False)
class LayerResult:
    """One layer's output for one picture, and what is known of it.

    Attributes
    ----------
    values
        ``(C, H, W)``, ``(n,)``, or what an ONNX model gives, without the batch's axis.
    field, jump
        As in `LayerPlan`; None where they are not known.
    zeros
        Share of the units, one a value, that give exactly 0 for this picture: after a ReLU, the dead ones.
    dead_maps
        Maps that are 0 everywhere.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    macs: int
    field: Pair | None
    jump: tuple[float, float] | None
    values: Array
    minimum: float
    maximum: float
    mean: float
    zeros: float
    dead_maps: int
    strange: int

    def as_json(self, *, values: bool = False) -> dict[str, Any]:
        """Return the facts for machines: strict JSON, ``null`` where a number does not exist."""
        facts: dict[str, Any] = {
            "name": self.name, "kind": self.kind, "shape": list(self.shape), "dtype": str(self.values.dtype),
            "parameters": self.parameters, "macs": self.macs,
            "receptive_field": list(self.field) if self.field else None,
            "jump": list(self.jump) if self.jump else None,
            "min": _finite(self.minimum), "max": _finite(self.maximum), "mean": _finite(self.mean),
            "zeros": _finite(self.zeros), "dead_maps": self.dead_maps, "nan_or_infinite": self.strange,
        }  # fmt: skip
        if values:
            facts["values"] = _plain(self.values.tolist())
        return facts


@dataclass(frozen=True, kw_only=True)
class Score:
    """One class and its probability."""

    name: str
    index: int
    probability: float


@dataclass(frozen=True, kw_only=True, eq=False)
class NetworkResult:
    """Everything that came out for one picture.

    Attributes
    ----------
    scores
        The classes, most probable first; empty where the last layer is no vector.
    normalized
        Whether softmax was applied here, because the last layer gives scores that are no probabilities.
    """

    source: str
    network: str
    layers: tuple[LayerResult, ...]
    scores: tuple[Score, ...]
    normalized: bool = False
    outputs: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def measure_layer(plan: LayerPlan, values: Array) -> LayerResult:
    """Return a layer's values with their facts."""
    numeric = values if values.dtype.kind in "iufb" and values.size else np.zeros(1)
    finite = numeric[np.isfinite(numeric)].astype(np.float64, copy=False)
    is_maps = values.ndim == 3
    return LayerResult(
        name=plan.name, kind=plan.kind, shape=values.shape, parameters=plan.parameters, macs=plan.macs,
        field=plan.field, jump=plan.jump, values=values,
        minimum=float(finite.min()) if finite.size else math.nan,
        maximum=float(finite.max()) if finite.size else math.nan,
        mean=float(finite.mean()) if finite.size else math.nan,
        zeros=float(np.count_nonzero(numeric == 0) / numeric.size),
        dead_maps=int(np.count_nonzero(~values.reshape(len(values), -1).any(axis=1))) if is_maps else 0,
        strange=int(numeric.size - finite.size),
    )  # fmt: skip


def scores_of(values: Array, classes: tuple[str, ...]) -> tuple[tuple[Score, ...], bool]:
    """Return the classes by probability, and whether softmax had to be applied to get there.

    Examples
    --------
    >>> scores, normalized = scores_of(np.array([0.25, 0.75]), ("cat", "dog"))
    >>> scores[0].name, scores[0].probability, normalized
    ('dog', 0.75, False)
    """
    vector = values.reshape(-1)
    if max(values.shape, default=1) != vector.size or not np.isfinite(vector).all() or vector.size < 2:
        return (), False
    probabilities = vector.astype(np.float64)
    normalized = bool((vector < 0).any() or abs(float(probabilities.sum()) - 1) > 1e-3)
    if normalized:
        powers = np.exp(probabilities - probabilities.max())
        probabilities = powers / powers.sum()
    order = np.argsort(-probabilities, kind="stable")
    names = classes if len(classes) == vector.size else tuple(str(index) for index in range(vector.size))
    scores = tuple(Score(name=names[i], index=int(i), probability=float(probabilities[i])) for i in order)
    return scores, normalized


def _finite(value: float) -> float | None:
    """Return a number, or None for what JSON cannot hold."""
    return value if math.isfinite(value) else None


def _plain(value: Any) -> Any:
    """Return nested lists with None for what JSON cannot hold."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return _finite(value) if isinstance(value, float) else value
