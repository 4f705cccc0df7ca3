"""What poolings do to shapes and receptive fields; nothing is computed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnnfilter.core.pools import POOL_FORMULAS, POOL_MODES, Pooling, parse_pool
from cnnfilter.core.shapes import pair
from cnnfilter.networks.flow import Flow, LayerFacts, maps_of, skips
from cnnfilter.networks.spec import Layer

#: Settings of a layer that are sizes, in any of the forms that a network file takes.
_SIZES = ("size", "stride", "output_size")


def pooling_of(settings: Any) -> Pooling:
    """Return the pooling that a layer's settings stand for: one text, as on the command line, or key by key."""
    if settings.pool not in POOL_FORMULAS:
        return parse_pool(settings.pool)
    placed, named = POOL_MODES[settings.mode]
    words = {name: getattr(settings, name) for name in (*placed, *named)}
    sizes = {name: pair(words[name], name) for name in _SIZES if words.get(name) is not None}
    return Pooling(settings.pool, settings.mode, **(words | sizes))


def plan_pool(layer: Layer, inputs: Sequence[Flow], itemsize: int) -> LayerFacts:
    """Plan a pooling of any mode."""
    flow = inputs[0]
    channels, *size = maps_of(flow)
    plan = pooling_of(layer.settings).plan((size[0], size[1]))
    field, jump = (None, None) if flow.field is None or flow.jump is None else plan.seen(flow.field, flow.jump)
    return LayerFacts(
        flow=Flow(shape=(channels, *plan.out), field=field, jump=jump), rows=plan.texts[0], columns=plan.texts[1],
        dropped=plan.dropped, warnings=() if plan.stride is None else skips(plan.span, plan.stride),
    )  # fmt: skip
