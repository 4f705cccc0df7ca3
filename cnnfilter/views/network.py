"""A network's results: the table of layers, the probabilities as bars, and both for machines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from fractions import Fraction

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

import cnnfilter
from cnnfilter.files import printable
from cnnfilter.job.results import Failure
from cnnfilter.network.plan import LayerPlan
from cnnfilter.network.results import LayerResult, NetworkResult, Score

#: Widest bar, in characters.
BAR = 40
_EIGHTHS = " ▏▎▍▌▋▊▉"


def crossed(shape: Sequence[int]) -> str:
    """Return a shape as text.

    Examples
    --------
    >>> crossed((16, 8, 8)), crossed((10,)), crossed(())
    ('16 x 8 x 8', '10', 'one number')
    """
    return " x ".join(map(str, shape)) or "one number"


def short(value: float) -> str:
    """Return a number in at most four digits.

    Examples
    --------
    >>> short(-1.234567), short(0.0), short(float("nan"))
    ('-1.235', '0', '-')
    """
    return "-" if value != value else f"{value:.4g}"


def field_text(layer: LayerPlan | LayerResult) -> str:
    """Return a receptive field and its jump: ``6 x 6, every 2``; a layer that sees everything: ``all``.

    Examples
    --------
    >>> from types import SimpleNamespace as Layer
    >>> field_text(Layer(field=(6, 6), jump=(Fraction(2), Fraction(2)))), field_text(Layer(field=None, jump=None))
    ('6 x 6, every 2', 'all')
    """
    if layer.field is None:
        return "all"
    text = f"{layer.field[0]} x {layer.field[1]}"
    if layer.jump is None or layer.jump == (1, 1):
        return text
    steps = [str(step) if step.denominator < 10 else f"{float(step):.3g}" for step in layer.jump]
    return f"{text}, every {steps[0] if steps[0] == steps[1] else ','.join(steps)}"


def layer_table(result: NetworkResult) -> Table:
    """Return one row for each layer, and the sums under them."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, show_footer=True)
    parameters, macs = (sum(getattr(layer, key) for layer in result.layers) for key in ("parameters", "macs"))
    table.add_column("layer", overflow="fold", footer=f"{len(result.layers)} layers")
    table.add_column("kind", no_wrap=True)
    table.add_column("output", no_wrap=True)
    table.add_column("parameters", justify="right", no_wrap=True, footer=f"{parameters:,}")
    table.add_column("multiply-adds", justify="right", no_wrap=True, footer=f"{macs:,}")
    table.add_column("sees", no_wrap=True)
    for name in ("min", "max", "dead"):
        table.add_column(name, justify="right", no_wrap=True)
    for layer in result.layers:
        table.add_row(
            Text(printable(layer.name)), layer.kind, crossed(layer.shape), _count(layer.parameters),
            _count(layer.macs), field_text(layer), short(layer.minimum), short(layer.maximum), dead_text(layer),
        )  # fmt: skip
    return table


def dead_text(layer: LayerResult) -> str:
    """Return the share of units that give 0."""
    return "-" if layer.zeros == 0 else f"{100 * layer.zeros:.3g} %"


def _count(count: int) -> str:
    """Return a count in groups of three; none is a dash."""
    return f"{count:,}" if count else "-"


def bars(scores: Sequence[Score], width: int, *, color: bool = True) -> Table:
    """Return the scores as bars, in eighths of a character."""
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(justify="right", no_wrap=True, max_width=40)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    room = max(8, min(BAR, width - 30))
    for rank, score in enumerate(scores):
        eighths = round(score.probability * room * 8)
        bar = "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()
        style = "bold" if rank == 0 else ""
        ink = ("green" if rank == 0 else "blue") if color else ""
        name, number = Text(printable(score.name), style=style), Text(_share(score.probability), style=style)
        table.add_row(name, number, Text(bar, style=ink))
    return table


def _share(probability: float) -> str:
    """Return a probability so that small ones still differ from none."""
    return f"{probability:.4f}" if probability >= 5e-5 or probability == 0 else f"{probability:.0e}"


def many_table(results: Sequence[NetworkResult], top: int) -> Table:
    """Return one row for each picture: the classes that it most probably shows."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("image", overflow="fold")
    for rank in range(top):
        table.add_column("class" if rank == 0 else f"{rank + 1}.", no_wrap=True)
        table.add_column("", justify="right", no_wrap=True)
    for result in results:
        cells = [cell for s in result.scores[:top] for cell in (Text(printable(s.name)), _share(s.probability))]
        table.add_row(Text(printable(result.source)), *cells)
    return table


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


def layer_list(plans: Sequence[LayerPlan]) -> Table:
    """Return the layers with their shapes, for choosing among them."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("layer", overflow="fold")
    table.add_column("kind", no_wrap=True)
    table.add_column("output", no_wrap=True)
    for plan in plans:
        table.add_row(Text(printable(plan.name)), Text(printable(plan.kind)), crossed(plan.shape))
    return table
