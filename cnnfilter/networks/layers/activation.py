"""Activation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from msgspec import Meta

from cnnfilter.core.activate import activate, check_activation, parse_activation, takes_axis
from cnnfilter.core.activations import ACTIVATIONS, FIRST, SECOND, Expression, X
from cnnfilter.core.arrays import Array, whole_type
from cnnfilter.core.gradients.pointwise import activate_gradient, prelu_gradient
from cnnfilter.core.whole_steps import WHOLE_ACTIVATIONS
from cnnfilter.errors import ShapeError
from cnnfilter.networks.layers.base import Backward, Flow, Layer, LayerEntry, LayerFacts, Reader, Weights

if TYPE_CHECKING:
    from cnnfilter.networks.onnx_graph import Graph

#: Activations that say what the last values are; all others give values.
ENDINGS = {"softmax": "softmax", "log-softmax": "log-softmax", "sigmoid": "sigmoid", "hard-sigmoid": "sigmoid"}


class Activation(LayerEntry, tag_field="kind", tag="activation", frozen=True, kw_only=True):
    """An activation, written as on the command line: leaky-relu:negative_slope=0.1."""

    activation: str
    weights: Annotated[Weights | None, Meta(description="Of prelu: one number, or one for each channel.")] = None

    @property
    def called(self) -> str:
        """An activation is called by its own name."""
        return self.activation.partition(":")[0].strip()

    def load(self, name: str, sources: tuple[str, ...], reader: Reader) -> ActivationLayer:
        """Return the layer."""
        with reader.at("activation"):
            function, parameters = parse_activation(self.activation)
        if "axis" in parameters:
            reader.fail("activation", f"{function} works over the channels here, or over a vector; it takes no axis")
        if self.weights is not None and (function != "prelu" or "weight" in parameters):
            reader.fail("weights", "only prelu has weights, and not twice")
        return ActivationLayer(
            name=name, sources=sources, function=function, given=parameters, weights=reader.array("weights"),
            ending=ENDINGS.get(function, "other"), passes=function == "identity",
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class ActivationLayer(Layer):
    """A function of every value, or over the channels; `given` are the parameters that were typed."""

    function: str
    given: dict[str, Any]
    weights: Array | None

    kind = "activation"
    array_fields = ("weights",)

    @property
    def operation(self) -> str:
        """The function's name."""
        return self.function

    @property
    def whole(self) -> bool:  # type: ignore[override]
        """Some functions make whole numbers of whole numbers."""
        return self.function in WHOLE_ACTIVATIONS

    @property
    def _parameters(self) -> dict[str, Any]:
        """Return the parameters that were given, prelu's weights among them."""
        return self.given if self.weights is None else {**self.given, "weight": self.weights}

    def channels(self, before: Sequence[int | None]) -> int | None:
        """As many as come in; glu halves them."""
        return before[0] if self.function != "glu" or before[0] is None else before[0] // 2

    def plan(self, inputs: Sequence[Flow], itemsize: int) -> LayerFacts:
        """Plan: the shape stays, but for glu, which halves the channels."""
        flow = inputs[0]
        weights = np.asarray(self._parameters.get("weight", 0.0))
        if weights.size > 1 and weights.shape != flow.shape[:1]:
            raise ShapeError(
                f"prelu has weights {weights.shape} for {flow.shape[0]} channels: one, or ({flow.shape[0]},)"
            )
        if self.function == "glu":
            if flow.shape[0] % 2:
                raise ShapeError(f"glu halves the {flow.shape[0]} channels; it needs an even number")
            return LayerFacts(flow=flow._replace(shape=(flow.shape[0] // 2, *flow.shape[1:])))
        alone = not (ACTIVATIONS[self.function].over_axis and len(flow.shape) == 1)
        return LayerFacts(flow=flow if alone else flow.everything())

    def run(self, inputs: Sequence[Array], threads: int | None) -> Array:
        """Apply the function; those that work along an axis work over the channels, axis 1."""
        if whole_type(inputs[0]):
            made = inputs[0].copy()
            WHOLE_ACTIVATIONS[self.function](made, check_activation(self.function, self.given)[1])
            return made
        return activate(inputs[0], self.function, axis=self._axis, threads=threads, **self._plain())

    @property
    def _axis(self) -> int | None:
        """The channels, for what works along an axis."""
        return 1 if takes_axis(self.function) else None

    def _plain(self) -> dict[str, Any]:
        """Return the parameters, a single weight of prelu as a number."""
        parameters = dict(self._parameters)
        if "weight" in parameters and np.size(parameters["weight"]) == 1:
            parameters["weight"] = float(np.asarray(parameters["weight"]).item())
        return parameters

    def back(self, inputs: Sequence[Array], output: Array, flow: Array, *, first: bool = False) -> Backward:
        """Flow back along the slopes; weights of prelu are trained."""
        found = activate_gradient(inputs[0], self.function, flow, axis=self._axis, **self._plain())
        if self.weights is None:
            return Backward((found,))
        return Backward((found,), {"weights": prelu_gradient(inputs[0], self.weights, flow, axis=self._axis)})

    def export(self, graph: Graph, shapes: Sequence[tuple[int, ...]]) -> None:
        """Add the operators of the function's expression."""
        given = dict(self._parameters)
        weight = given.pop("weight", None)
        _, full = check_activation(self.function, given)
        if "weight" in full:
            slopes = np.atleast_1d(np.asarray(full["weight"] if weight is None else weight, np.float64))
            full["weight"] = slopes.reshape(-1, *(1,) * (len(shapes[0]) - 1))
        _add(graph, ACTIVATIONS[self.function].onnx, full, {X: self.sources[0]}, self.name)


def _add(graph: Graph, expression: Expression, parameters: dict[str, Any], known: dict[Any, str], out: str = "") -> str:
    """Add an expression; return the name of its result. `known` holds the names of what has been added already."""
    operator, *taken = expression
    names = taken.pop() if isinstance(taken[-1], dict) else {}
    attributes = {key: _value(parameters, value) for key, value in names.items()}
    inputs = [_input(graph, one, parameters, known) for one in taken]
    return graph.node(operator, inputs, out, **attributes)


def _input(graph: Graph, one: Any, parameters: dict[str, Any], known: dict[Any, str]) -> str:
    """Return the name of what an operator takes: the values, a half of them, a constant, or another result."""
    if one in (FIRST, SECOND) and FIRST not in known:
        known[FIRST], known[SECOND] = graph.split(known[X], 1)
    if one not in known:
        made = isinstance(one, tuple)
        known[one] = _add(graph, one, parameters, known) if made else graph.constant(_value(parameters, one))
    return known[one]


def _value(parameters: dict[str, Any], word: Any) -> Any:
    """Return a parameter's value, numbers with a point; what is no parameter's name stands for itself."""
    value = parameters[word] if isinstance(word, str) and word in parameters else word
    return float(value) if word is not value and isinstance(value, int | float) else value
