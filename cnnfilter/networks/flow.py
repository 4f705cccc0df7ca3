"""What flows from layer to layer: a shape, and how it lies over the network's input. Integers and ratios only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from cnnfilter.core.shapes import Pair
from cnnfilter.errors import ShapeError
from cnnfilter.networks.spec import Layer

Jump = tuple[float, float]


class Flow(NamedTuple):
    """What leaves a layer: its shape, and how it lies over the network's input."""

    shape: tuple[int, ...]
    field: Pair | None
    jump: Jump | None


class LayerFacts(NamedTuple):
    """What a planner finds out about a layer."""

    flow: Flow
    macs: int = 0
    rows: str = ""
    columns: str = ""
    dropped: Pair = (0, 0)
    engine: str = ""
    work_bytes: int = 0
    warnings: tuple[str, ...] = ()


def maps_of(flow: Flow) -> tuple[int, int, int]:
    """Return a shape that must be maps."""
    if len(flow.shape) != 3:
        raise ShapeError(f"it needs maps (C, H, W), got a vector of {flow.shape[0]} (flatten comes after it)")
    channels, height, width = flow.shape
    return channels, height, width


def slid(flow: Flow, span: Pair, stride: Pair) -> tuple[Pair | None, Jump | None]:
    """Return field and jump after a window of `span` input cells that moves by `stride`.

    ``field = field + (span - 1) * jump``, ``jump = jump * stride``
    """
    if flow.field is None or flow.jump is None:
        return None, None
    rows, columns = (f + math.ceil((s - 1) * j) for f, s, j in zip(flow.field, span, flow.jump, strict=True))
    return (rows, columns), (flow.jump[0] * stride[0], flow.jump[1] * stride[1])


def skips(span: Pair, stride: Jump) -> tuple[str, ...]:
    """Warn of windows that never touch some of the input."""
    if stride[0] > span[0] or stride[1] > span[1]:
        return (f"stride {stride[0]},{stride[1]} is larger than the window {span[0]}x{span[1]}: cells are never seen",)
    return ()


def check_bias(layer: Layer, maps: int) -> None:
    """Raise unless a bias is one number, or one for each output."""
    bias = layer.weights.get("bias")
    if bias is not None and bias.shape not in ((), (1,), (maps,)):
        raise ShapeError(f"bias {bias.shape} must be one number, or ({maps},)")


def everything(flow: Flow) -> Flow:
    """Return a flow whose every value sees all that came in."""
    return Flow(shape=flow.shape, field=None, jump=None)


def joined(inputs: Sequence[Flow], shape: tuple[int, ...]) -> Flow:
    """Return the flow of several: the largest field, and the jump where all agree."""
    fields = [flow.field for flow in inputs]
    field = None
    known = [one for one in fields if one is not None]
    if len(known) == len(fields):
        field = (max(one[0] for one in known), max(one[1] for one in known))
    return Flow(shape=shape, field=field, jump=inputs[0].jump if len({flow.jump for flow in inputs}) == 1 else None)
