"""The plan of a network: every shape, formula, receptive field, cost and byte as integers, before anything runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from cnnfilter.core import receptive
from cnnfilter.core.receptive import ReceptiveField
from cnnfilter.core.shapes import Pair
from cnnfilter.errors import CnnFilterError, ParameterError, ShapeError
from cnnfilter.files import quoted
from cnnfilter.networks.ending import Ending, network_ending
from cnnfilter.networks.layers.base import Flow, Layer, LayerFacts
from cnnfilter.networks.spec import INPUT, Network

#: Stands for a side that cannot be told.
UNKNOWN = -1


class LayerPlan(NamedTuple):
    """One layer's integers.

    Attributes
    ----------
    inputs, shape
        Shapes without the batch's axis: ``(C, H, W)``, or ``(n,)``.
    field
        What one value can see of the input.
    rows, columns
        The size formula with its numbers filled in, or nothing.
    dropped
        Input rows and columns at the end that a stride leaves out.
    engine
        How a convolution would be computed, and why.
    work_bytes
        Working memory of one thread.
    """

    name: str
    kind: str
    inputs: tuple[tuple[int, ...], ...]
    shape: tuple[int, ...]
    parameters: int
    macs: int
    field: ReceptiveField
    rows: str = ""
    columns: str = ""
    dropped: Pair = (0, 0)
    engine: str = ""
    work_bytes: int = 0
    warnings: tuple[str, ...] = ()


class Outline(NamedTuple):
    """One layer of a network of no certain size: sides that are open have names, or a question mark."""

    name: str
    kind: str
    shape: tuple[int | str, ...]


class NetworkPlan(NamedTuple):
    """All layers in order.

    Attributes
    ----------
    size
        ``(C, H, W)`` of the input.
    peak_bytes
        For one picture: weights, input, all outputs (they are kept to be looked at), and working memory.
    ending
        What the last layer is.
    failure
        Why the next layer has no shape; nothing where all have one.
    """

    size: tuple[int, int, int]
    layers: tuple[LayerPlan, ...]
    peak_bytes: int
    ending: Ending
    failure: str = ""

    @property
    def parameters(self) -> int:
        """Numbers in all layers."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def macs(self) -> int:
        """Multiply-adds for one picture."""
        return sum(layer.macs for layer in self.layers)


def plan_network(
    network: Network,
    size: Pair | None = None,
    *,
    channels: int | None = None,
    itemsize: int = 4,
    threads: int = 1,
    partial: bool = False,
) -> NetworkPlan:
    """Return every layer's shape and cost.

    Parameters
    ----------
    network
        The network, from `load_network`.
    size
        Rows and columns of the input; those of the network unless given.
    channels
        Channels of the input; those of the network unless given.
    itemsize
        Bytes of a number: 4, or 8 for float64.
    threads
        How many strips are worked on at a time.
    partial
        True stops at a layer that does not fit, and says why in `failure`, instead of raising.

    Raises
    ------
    ShapeError
        If a layer does not fit what it takes: its name, both shapes and the formula.
    ParameterError
        If the input's size is not known.
    """
    size = size or network.input.size
    if size is None:
        raise ParameterError(f"{quoted(network.path)}: the network takes any size, so one is needed (--size ROWSxCOLS)")
    whole = (channels or network.input.channels or 1, *size)
    flows: dict[str, Flow] = {INPUT: Flow(whole, receptive.INPUT)}
    plans: list[LayerPlan] = []
    failure = ""
    for layer in network.layers:
        inputs = [flows[source] for source in layer.sources]
        try:
            facts = layer.plan(inputs, itemsize)
        except CnnFilterError as error:
            failure = misfit(layer, inputs, error)
            if partial:
                break
            raise ShapeError(failure) from error
        flows[layer.name] = facts.flow
        plans.append(_layer_plan(layer, inputs, facts))
    return NetworkPlan(
        size=whole, layers=tuple(plans), peak_bytes=_peak(network, whole, plans, itemsize, threads),
        ending=network_ending(network), failure=failure,
    )  # fmt: skip


def misfit(layer: Layer, inputs: Sequence[Flow], error: CnnFilterError) -> str:
    """Say which layer does not fit, and what it takes."""
    taken = " and ".join(
        f"{'x'.join(map(str, flow.shape))} from {source}" for source, flow in zip(layer.sources, inputs, strict=True)
    )
    weights = layer.arrays.get("weights")
    own = f", its weights are {'x'.join(map(str, weights.shape)) or 'one number'}" if weights is not None else ""
    return f"layer {layer.name!r} ({layer.kind}) takes {taken}{own}: {error}"


def _layer_plan(layer: Layer, inputs: Sequence[Flow], facts: LayerFacts) -> LayerPlan:
    """Return the public form of what a planner found, with its warnings."""
    plan = LayerPlan(
        name=layer.name, kind=layer.kind, inputs=tuple(flow.shape for flow in inputs), shape=facts.flow.shape,
        parameters=layer.parameters, macs=facts.macs, field=facts.flow.field, rows=facts.rows,
        columns=facts.columns, dropped=facts.dropped, engine=facts.engine, work_bytes=facts.work_bytes,
        warnings=facts.warnings,
    )  # fmt: skip
    before = inputs[0].shape
    if layer.slides and len(before) == 3 and max(before[1:]) > 1 and max(plan.shape[1:]) == 1:
        text = f"the maps vanish to one value each ({before[1]}x{before[2]} to 1x1): nothing is left to slide over"
        plan = plan._replace(warnings=(*plan.warnings, text))
    return plan


def _peak(
    network: Network, whole: tuple[int, ...], plans: Sequence[LayerPlan], itemsize: int, threads: int
) -> int:  # fmt: skip
    """Return the bytes that a run holds at its worst moment."""
    values = whole[0] * whole[1] * whole[2]
    for plan in plans:
        count = 1
        for side in plan.shape:
            count *= side
        values += count
    work = max((plan.work_bytes for plan in plans), default=0)
    return (values + network.parameters) * itemsize + threads * work


def classes_fit(network: Network, plan: NetworkPlan) -> str:
    """Say why the class names do not fit the last layer, or nothing where they do."""
    if not network.classes:
        return ""
    last = plan.layers[-1]
    count = last.shape[0]
    if any(side != 1 for side in last.shape[1:]):
        return (
            f"the last layer, {last.name!r}, gives {'x'.join(map(str, last.shape))} maps, and classes need one vector"
        )
    if len(network.classes) != count:
        return f"{len(network.classes)} names, but the last layer, {last.name!r}, gives {count} values"
    return ""
