"""A network's results: the table of layers, the probabilities as bars, and both for machines."""

from __future__ import annotations

import json
import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import cnnfilter
from cnnfilter.core.receptive import ReceptiveField
from cnnfilter.files import printable
from cnnfilter.networks.results import share_text
from cnnfilter.views.terminal import bar, coloured, columns, cut, fitted, terminal_width, text_width

if TYPE_CHECKING:
    from cnnfilter.networks.plan import LayerPlan, Outline
    from cnnfilter.networks.results import LayerResult, NetworkResult, Prediction, Score
    from cnnfilter.run.results import Failure

#: Widest bar, in characters.
BAR = 40
#: Longest class name that is shown whole.
LONGEST_CLASS = 40


def crossed(shape: Sequence[float | str]) -> str:
    """Return a shape as text.

    Examples
    --------
    >>> crossed((16, 8, 8)), crossed((10,)), crossed(())
    ('16 x 8 x 8', '10', 'one number')
    """
    return " x ".join(map(_side, shape)) or "one number"


def _side(side: float | str) -> str:
    """Return one side of a shape as text: a question mark for one that is not known."""
    if isinstance(side, str):
        return side
    if side < 0:
        return "?"
    return str(side) if isinstance(side, int) else short(side)


def short(value: float) -> str:
    """Return a number in at most four digits.

    Examples
    --------
    >>> short(-1.234567), short(0.0), short(float("nan"))
    ('-1.235', '0', '-')
    """
    return "-" if value != value else f"{value:.4g}"


def field_text(field: ReceptiveField) -> str:
    """Return a receptive field and its jump: ``6 x 6, every 2``; ``all`` for a layer that sees everything.

    Examples
    --------
    >>> field_text(ReceptiveField((6, 6), (2.0, 2.0))), field_text(ReceptiveField(None))
    ('6 x 6, every 2', 'all')
    """
    if field.size is None:
        return "all"
    if not field.known:
        return "?"
    text = f"{field.size[0]} x {field.size[1]}"
    if field.jump is None or all(step == 1 for step in field.jump):
        return text
    steps = [f"{step:.3g}" for step in field.jump]
    return f"{text}, every {steps[0] if steps[0] == steps[1] else ','.join(steps)}"


def zeros_text(layer: LayerResult) -> str:
    """Return the share of values that are 0."""
    return "-" if not layer.zeros > 0 else f"{100 * layer.zeros:.3g} %"


def count_text(count: int) -> str:
    """Return a count in groups of three; none is a dash."""
    return f"{count:,}" if count else "-"


#: The columns of the layers' table: a long and a short word, the side that cells stand on.
COLUMNS = {
    "layer": ("layer", "<"), "kind": ("kind", "<"), "output": ("output", "<"), "parameters": ("numbers", ">"),
    "multiply-adds": ("macs", ">"), "sees": ("sees", "<"), "min": ("min", ">"), "max": ("max", ">"),
    "zeros": ("zeros", ">"),
}  # fmt: skip
#: What gives way, one after the other, once short words do not help; then names are cut; then the rest gives way.
GIVES_WAY = ("multiply-adds", "parameters", "sees", "kind")
LAST = ("zeros", "max", "min", "output")
#: Shortest that a name is cut beside other columns.
SHORTEST_NAME = 16


def layer_table(result: NetworkResult, width: int | None = None) -> str:
    """Return one row for each layer, and the sums under them; no row is wider than the terminal.

    What does not fit gives way in this order: long words, then the columns of `GIVES_WAY`, then the middle of names,
    then the columns of `LAST`.
    """
    room = terminal_width() if width is None else width
    stages = [(False, 0), *((True, gone) for gone in range(len(GIVES_WAY) + 1))]
    for short_words, gone in stages:
        table = _layer_table(result, short_words, GIVES_WAY[:gone])
        if _width(table) <= room:
            return table
    longest = max((text_width(printable(layer.name)) for layer in result.layers), default=0)
    for gone in range(len(LAST) + 1):
        left_out = *GIVES_WAY, *LAST[:gone]
        over = _width(_layer_table(result, True, left_out)) - room
        table = _layer_table(result, True, left_out, max(SHORTEST_NAME, longest - over))
        if _width(table) <= room:
            return table
    return _layer_table(result, True, left_out, room)


def _width(table: str) -> int:
    """Return the cells of the widest line."""
    return max(map(text_width, table.split("\n")))


def _layer_table(result: NetworkResult, short_words: bool, left_out: Sequence[str], longest: int = 1 << 20) -> str:
    """Return the table with long or short words, without some columns."""
    rows = []
    for layer in result.layers:
        seen, shape = field_text(layer.field), crossed(layer.shape)
        if short_words:
            seen, shape = seen.replace(", every ", "/").replace(" x ", "x"), shape.replace(" x ", "x")
        rows.append({
            "layer": cut(printable(layer.name), longest), "kind": cut(printable(layer.kind), longest), "output": shape,
            "parameters": count_text(layer.parameters), "multiply-adds": count_text(layer.macs), "sees": seen,
            "min": short(layer.minimum), "max": short(layer.maximum), "zeros": zeros_text(layer),
        })  # fmt: skip
    sums = {
        "layer": f"{len(rows)} layer{'s' * (len(rows) != 1)}",
        "parameters": count_text(sum(layer.parameters for layer in result.layers)),
        "multiply-adds": count_text(sum(layer.macs for layer in result.layers)),
    }
    shown = [name for name in COLUMNS if name not in left_out]
    return columns(
        [[row[name] for name in shown] for row in rows], "".join(COLUMNS[name][1] for name in shown),
        header=[COLUMNS[name][0] if short_words else name for name in shown],
        footer=[sums.get(name, "") for name in shown],
    )  # fmt: skip


def prediction_text(prediction: Prediction, top: int, width: int | None = None) -> str:
    """Return what the last layer says: bars where it says something about classes, else its values, if few enough."""
    room = terminal_width() if width is None else width
    if prediction.scores:
        lines = [bars(prediction.scores[:top], room)]
        if prediction.answer:
            lines = [f"{prediction.answer}:", *lines]
        return "\n".join([*lines, *how_text(prediction, room)])
    if not prediction.values:
        return ""
    numbers = [short(value) for value in prediction.values[:top]]
    more = len(prediction.values) - len(numbers)
    text = f"{printable(prediction.layer)}: {'  '.join(numbers)}{f'  and {more} more' if more else ''}"
    return "\n".join([*textwrap.wrap(text, max(20, room)), *how_text(prediction, room)])


def how_text(prediction: Prediction, width: int) -> list[str]:
    """Return, in lines, how scores come from the last layer's values, or why there are none; nothing for a softmax."""
    said = prediction.how
    if not prediction.scores:
        hint = "; --softmax takes them for scores of classes" if len(prediction.values) > 1 else ""
        said = f"values, no classes: the network ends in {printable(said)}{hint}" if prediction.values else ""
    return textwrap.wrap(f"({said})", max(20, width)) if said else []


def bars(scores: Sequence[Score], width: int) -> str:
    """Return the scores as bars."""
    names = [cut(printable(score.name), max(8, min(LONGEST_CLASS, width - 20))) for score in scores]
    longest = max(map(text_width, names), default=0)
    room = max(0, min(BAR, width - longest - 12))
    rows = [[name, share_text(score.probability)] for name, score in zip(names, scores, strict=True)]
    lines = columns(rows, ">>").split("\n")
    drawn = [bar(score.probability, room) for score in scores]
    return "\n".join(
        f"{line}  {coloured(one, '32' if rank == 0 else '34')}".rstrip()
        for rank, (line, one) in enumerate(zip(lines, drawn, strict=True))
    )


def many_table(results: Sequence[NetworkResult], top: int, width: int | None = None) -> str:
    """Return one row for each picture: the classes that it most probably shows, or the first values.

    No row is wider than the terminal: fewer ranks are shown, then names are cut.
    """
    room = terminal_width() if width is None else width
    said = next((one.prediction for one in results if one.prediction.scores), results[0].prediction)
    return "\n".join([_fitted_table(results, top, room), *how_text(said, room)])


def _fitted_table(results: Sequence[NetworkResult], top: int, room: int) -> str:
    """Return the table in so many columns of the terminal."""
    most = min(top, max(len(one.prediction.scores) or len(one.prediction.values) for one in results))
    for shown in range(most, 0, -1):
        table = _many_table(results, shown)
        if _width(table) <= room:
            return table
    table = _many_table(results, min(most, 1))
    longest = max(text_width(printable(result.source)) for result in results)
    over = _width(table) - room
    return _many_table(results, min(most, 1), longest - max(0, over), LONGEST_CLASS if over < longest - 8 else 16)


def _many_table(results: Sequence[NetworkResult], most: int, longest: int = 1 << 20, word: int = LONGEST_CLASS) -> str:
    """Return the table with so many ranks."""
    classes = any(result.prediction.scores for result in results)
    per_rank = 2 if classes else 1
    rows = []
    for result in results:
        said = result.prediction
        cells = [cut(printable(result.source), max(8, longest))]
        for score in said.scores[:most]:
            cells += [said.answer or cut(printable(score.name), word), share_text(score.probability)]
        if not classes:
            cells += [short(value) for value in said.values[:most]]
        rows.append([*cells, *["-"] * (1 + most * per_rank - len(cells))])
    ranks = [text for rank in range(most) for text in ((f"{rank + 1}.", "") if classes else (str(rank),))]
    return columns(rows, "<" + ("<>" if classes else ">") * most, header=["image", *ranks])


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
                    {"class": score.name, "index": score.position, "probability": score.probability}
                    for score in result.prediction.scores[:top]
                ],
                "softmax_applied": result.prediction.softmax_applied,
                "prediction": _prediction_facts(result.prediction),
                "layers": [layer.as_json(values=layer.name in values) for layer in result.layers],
                "outputs": list(result.outputs),
                "files": [one._asdict() for one in result.saved],
                "notes": list(result.notes),
            }
            for result in results
        ],
        "failures": [{"source": failure.source, "reason": failure.reason} for failure in failures],
    }
    return json.dumps(document, indent=2, ensure_ascii=True, allow_nan=False)


def _prediction_facts(prediction: Prediction) -> dict[str, Any]:
    """Return what a prediction is, for machines."""
    return {
        "kind": prediction.kind, "layer": prediction.layer, "how": prediction.how or None,
        "answer": prediction.answer or None,
        "values": [value if math.isfinite(value) else None for value in prediction.values],
    }  # fmt: skip


def layer_list(plans: Sequence[LayerPlan | Outline], width: int | None = None) -> str:
    """Return the layers with their shapes, for choosing among them; a block of lines for each on a narrow terminal."""
    rows = [[printable(plan.name), printable(plan.kind), printable(crossed(plan.shape))] for plan in plans]
    room = terminal_width() if width is None else width
    return fitted(rows, "<<<", room, header=["layer", "kind", "output"])


def files_json(results: Sequence[NetworkResult]) -> str:
    """Return which layer each file, or each array of a file, is of: names in files lack slashes and more."""
    rows = [{"source": one.source, **saved._asdict()} for one in results for saved in one.saved]
    return json.dumps({"network": results[0].network, "files": rows}, indent=2)


def outline_json(network: str, layers: Sequence[Outline]) -> str:
    """Return the layers of a network of no certain size, for machines."""
    shown = [{"name": layer.name, "kind": layer.kind, "shape": list(layer.shape)} for layer in layers]
    return json.dumps({"network": network, "input": None, "layers": shown}, indent=2)
