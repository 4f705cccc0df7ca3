"""A network's results: the table of layers, the probabilities as bars, and both for machines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import cnnfilter
from cnnfilter.files import printable
from cnnfilter.views.columns import bar, coloured, columns, terminal_width

if TYPE_CHECKING:
    from cnnfilter.job.results import Failure
    from cnnfilter.network.plan import LayerPlan
    from cnnfilter.network.results import LayerResult, NetworkResult, Score

#: Widest bar, in characters.
BAR = 40
#: Longest class name that is shown whole.
LONGEST_CLASS = 40


def crossed(shape: Sequence[float]) -> str:
    """Return a shape as text.

    Examples
    --------
    >>> crossed((16, 8, 8)), crossed((10,)), crossed(())
    ('16 x 8 x 8', '10', 'one number')
    """
    return (
        " x ".join("?" if side < 0 else str(side) if isinstance(side, int) else short(side) for side in shape)
        or "one number"
    )


def short(value: float) -> str:
    """Return a number in at most four digits.

    Examples
    --------
    >>> short(-1.234567), short(0.0), short(float("nan"))
    ('-1.235', '0', '-')
    """
    return "-" if value != value else f"{value:.4g}"


def field_text(layer: LayerPlan | LayerResult) -> str:
    """Return a receptive field and its jump: ``6 x 6, every 2``; ``all`` for a layer that sees everything.

    Examples
    --------
    >>> from types import SimpleNamespace as Layer
    >>> field_text(Layer(field=(6, 6), jump=(2.0, 2.0))), field_text(Layer(field=None, jump=None))
    ('6 x 6, every 2', 'all')
    """
    if layer.field is None:
        return "all"
    if layer.field == (0, 0):
        return "?"
    text = f"{layer.field[0]} x {layer.field[1]}"
    if layer.jump is None or all(step == 1 for step in layer.jump):
        return text
    steps = [f"{step:.3g}" for step in layer.jump]
    return f"{text}, every {steps[0] if steps[0] == steps[1] else ','.join(steps)}"


def dead_text(layer: LayerResult) -> str:
    """Return the share of units that give 0."""
    return "-" if layer.zeros == 0 else f"{100 * layer.zeros:.3g} %"


def count_text(count: int) -> str:
    """Return a count in groups of three; none is a dash."""
    return f"{count:,}" if count else "-"


def layer_table(result: NetworkResult, width: int | None = None) -> str:
    """Return one row for each layer, and the sums under them; a narrow terminal gets shorter words."""
    wide = _layer_table(
        result, ["layer", "kind", "output", "parameters", "multiply-adds", "sees", "min", "max", "dead"]
    )
    if max(map(len, wide.split("\n"))) <= (terminal_width() if width is None else width):
        return wide
    return _layer_table(result, ["layer", "kind", "output", "numbers", "macs", "sees", "min", "max", "dead"])


def _layer_table(result: NetworkResult, header: list[str]) -> str:
    """Return the table under these words."""
    tight = header[3] == "numbers"
    rows = []
    for layer in result.layers:
        seen, shape = field_text(layer), crossed(layer.shape)
        if tight:
            seen, shape = seen.replace(", every ", "/").replace(" x ", "x"), shape.replace(" x ", "x")
        rows.append([
            printable(layer.name), printable(layer.kind), shape, count_text(layer.parameters), count_text(layer.macs),
            seen, short(layer.minimum), short(layer.maximum), dead_text(layer),
        ])  # fmt: skip
    parameters, macs = (sum(getattr(layer, key) for layer in result.layers) for key in ("parameters", "macs"))
    footer = [
        f"{len(rows)} layer{'s' * (len(rows) != 1)}",
        "",
        "",
        count_text(parameters),
        count_text(macs),
        "",
        "",
        "",
        "",
    ]
    return columns(rows, "<<<>><>>>", header=header, footer=footer)


def bars(scores: Sequence[Score]) -> str:
    """Return the scores as bars."""
    names = [printable(score.name) for score in scores]
    names = [name if len(name) <= LONGEST_CLASS else f"{name[: LONGEST_CLASS - 3]}..." for name in names]
    longest = max(map(len, names), default=0)
    room = max(8, min(BAR, terminal_width() - longest - 12))
    rows = [[name, share(score.probability)] for name, score in zip(names, scores, strict=True)]
    lines = columns(rows, ">>").split("\n")
    drawn = [bar(score.probability, room) for score in scores]
    return "\n".join(
        f"{line}  {coloured(one, '32' if rank == 0 else '34')}".rstrip()
        for rank, (line, one) in enumerate(zip(lines, drawn, strict=True))
    )


def share(probability: float) -> str:
    """Return a probability so that small ones still differ from none.

    Examples
    --------
    >>> share(0.62623), share(0.00003), share(0.0)
    ('0.6262', '3e-05', '0.0000')
    """
    return f"{probability:.4f}" if probability >= 5e-5 or probability == 0 else f"{probability:.0e}"


def many_table(results: Sequence[NetworkResult], top: int) -> str:
    """Return one row for each picture: the classes that it most probably shows."""
    most = min(top, *(len(result.scores) for result in results))
    header = ["image", *(text for rank in range(most) for text in (f"{rank + 1}.", ""))]
    rows = [
        [
            printable(result.source),
            *(c for s in result.scores[:most] for c in (printable(s.name), share(s.probability))),
        ]
        for result in results
    ]
    return columns(rows, "<" + "<>" * most, header=header)


def network_json(
    results: Sequence[NetworkResult], failures: Sequence[Failure], *, values: Sequence[str] = (), top: int | None = None
) -> str:
    """Return everything for machines; the layers in `values` with their numbers."""
    document = {
        "program": "cnnfilter",
        "version": cnnfilter.__version__,
        "results": [
            {
                "source": result.source,
                "network": result.network,
                "scores": [
                    {"class": score.name, "index": score.index, "probability": score.probability}
                    for score in result.scores[:top]
                ],
                "softmax_applied": result.normalized,
                "layers": [layer.as_json(values=layer.name in values) for layer in result.layers],
                "outputs": list(result.outputs),
                "notes": list(result.notes),
            }
            for result in results
        ],
        "failures": [{"source": failure.source, "reason": failure.reason} for failure in failures],
    }
    return json.dumps(document, indent=2, ensure_ascii=True, allow_nan=False)


def layer_list(plans: Sequence[LayerPlan]) -> str:
    """Return the layers with their shapes, for choosing among them."""
    rows = [[printable(plan.name), printable(plan.kind), crossed(plan.shape)] for plan in plans]
    return columns(rows, "<<<", header=["layer", "kind", "output"])
