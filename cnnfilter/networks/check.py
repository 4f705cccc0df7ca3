"""What the schema's types cannot say of a layer: words with a grammar of their own, and keys that go together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cnnfilter.core.pools import POOL_FORMULAS, Pooling, parse_pool
from cnnfilter.core.shapes import pair, parse_border, resolve_pads
from cnnfilter.core.words import parse_activation
from cnnfilter.library.strict import Document
from cnnfilter.networks import schema
from cnnfilter.networks.place import Place


def check_words(document: Document, index: int, kind: str, entry: Any) -> None:
    """Raise for the first word of a layer's entry that is not understood, or means nothing there."""
    for key in ("stride", "dilation", "output_padding", "size", "output_size"):
        value = getattr(entry, key, None)
        if value is not None:
            with Place(document, ("layers", index, key)):
                pair(value, key, minimum=0 if key == "output_padding" else 1)
    if kind in _CHECKS:
        _CHECKS[kind](document, index, entry)


def _check_conv(document: Document, index: int, entry: schema.Conv) -> None:
    """Check a convolution's words."""
    if bool(entry.kernels) == (entry.weights is not None):
        got = "both" if entry.kernels else "none of them"
        document.fail(("layers", index), f"expected one of kernels and weights, got {got}")
    _check_padding(document, index, entry)
    with Place(document, ("layers", index, "padding_mode")):
        parse_border(entry.padding_mode)


def _check_padding(document: Document, index: int, entry: Any) -> None:
    """Check the form of a padding."""
    with Place(document, ("layers", index, "padding")):
        resolve_pads(entry.padding, (9, 9), (1, 1), (1, 1), (1, 1))


def _check_activation(document: Document, index: int, entry: schema.Activation) -> None:
    """Check an activation's name and parameters."""
    with Place(document, ("layers", index, "activation")):
        name, parameters = parse_activation(entry.activation)
    if "axis" in parameters:
        document.fail(
            ("layers", index, "activation"), f"{name} works over the channels here, or over a vector; it takes no axis"
        )
    if entry.weights is not None and (name != "prelu" or "weight" in parameters):
        document.fail(("layers", index, "weights"), "only prelu has weights, and not twice")


def _check_pool(document: Document, index: int, entry: schema.Pool) -> None:
    """Check a pooling's words: each mode has its own; or all of it is one text, as on the command line."""
    if entry.pool not in POOL_FORMULAS:
        with Place(document, ("layers", index, "pool")):
            parse_pool(entry.pool)
        for key in Pooling._fields[1:]:
            if getattr(entry, key) != Pooling._field_defaults.get(key, "window"):
                document.fail(("layers", index, key), f"means nothing beside pool: {entry.pool}, which says it all")
        return
    _check_padding(document, index, entry)
    given = {key for key in ("size", "stride", "output_size", "output_ratio") if getattr(entry, key) is not None}
    takes = {
        "window": {"size", "stride"},
        "global": set(),
        "adaptive": {"output_size"},
        "fractional": {"size", "output_size", "output_ratio"},
    }[entry.mode]
    for key in sorted(given - takes):
        document.fail(("layers", index, key), f"means nothing for a pooling of mode {entry.mode}")
    if "size" in takes and "size" not in given:
        document.fail(("layers", index), f"size is missing: a pooling of mode {entry.mode} has windows")
    if entry.mode == "adaptive" and "output_size" not in given:
        document.fail(("layers", index), "output_size is missing: adaptive pooling needs it")
    if entry.mode == "fractional" and len(given & {"output_size", "output_ratio"}) != 1:
        document.fail(("layers", index), "fractional pooling needs either output_size or output_ratio")


def _check_normalize(document: Document, index: int, entry: schema.Normalize) -> None:
    """Check that a normalisation has the statistics it needs, and no others."""
    for key in ("mean", "variance"):
        if entry.method == "batch" and getattr(entry, key) is None:
            document.fail(("layers", index), f"{key} is missing: batch norm runs on stored statistics")
    for key in ("mean", "variance", "weights", "bias"):
        if entry.method == "minmax" and getattr(entry, key) is not None:
            document.fail(
                ("layers", index, key), "means nothing for method minmax, which takes its range from the values"
            )


_CHECKS: dict[str, Callable[[Document, int, Any], None]] = {
    "conv": _check_conv,
    "conv-transpose": _check_padding,
    "activation": _check_activation,
    "pool": _check_pool,
    "normalize": _check_normalize,
}
