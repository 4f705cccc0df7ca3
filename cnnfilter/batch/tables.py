"""The tables of a run: the manifest of all inputs, and the features of all maps."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from cnnfilter.batch.inputs import STATE_FOLDER
from cnnfilter.batch.ledger import Ledger
from cnnfilter.batch.place import JOURNAL, LEDGER, Place
from cnnfilter.batch.recipe import Recipe
from cnnfilter.batch.records import Record
from cnnfilter.dumps.write import csv_cell
from cnnfilter.errors import MissingExtraError, OutputError, lookup
from cnnfilter.files import atomic_output, collision_key, printable, quoted
from cnnfilter.text import distinct, folded


@dataclass(frozen=True)
class Table:
    """The rows of a table, read from the ledger whenever they are walked through: none is held.

    Attributes
    ----------
    columns
        ``kernel.measure``, or ``kernel.channel.measure`` where some input has several channels.
    """

    ledger: Ledger
    columns: tuple[str, ...]
    channels: tuple[int, ...]
    measures: int
    count: int

    @classmethod
    def of(cls, ledger: Ledger, labels: Sequence[str], measures: Sequence[str]) -> Table:
        """Return the table of a finished run: as many channels for each map as the deepest input has."""
        channels, count = [1] * len(labels), 0
        for record in ledger.in_order():
            count += 1
            for index, values in enumerate(record.features):
                channels[index] = max(channels[index], len(values))
        words = (
            f"{label}.{measure}" if depth == 1 else f"{label}.{channel}.{measure}"
            for label, depth in zip(labels, channels, strict=True)
            for channel in range(depth)
            for measure in measures
        )
        columns = distinct(words, folded)
        return cls(ledger, columns, tuple(channels), len(measures), count)

    def rows(self) -> Iterator[tuple[str, list[float]]]:
        """Yield key and values of each input; NaN where it has no such channel, or failed."""
        for record in self.ledger.in_order():
            values: list[float] = []
            for index, depth in enumerate(self.channels):
                given = record.features[index] if record.features else ()
                for channel in range(depth):
                    some = given[channel] if channel < len(given) else (None,) * self.measures
                    values += [math.nan if value is None else value for value in some]
            yield record.key, values


def check_table(path: str) -> str:
    """Return the format that a table's name asks for.

    Raises
    ------
    OutputError
        If it is none, or its folder does not exist.
    """
    form = Path(path).suffix.lower().lstrip(".")
    if form not in TABLES:
        raise OutputError(f"{quoted(path)}: a table of features ends in .npy, .csv or .parquet")
    if form == "parquet":
        pyarrow()
    if not Path(path).absolute().parent.is_dir():
        raise OutputError(f"{quoted(path)}: its folder does not exist (create it first)")
    return form


def table_files(path: Path) -> tuple[Path, ...]:
    """Return all files that a table consists of: an array has the names of its columns and rows beside it."""
    beside = (path.with_suffix(".columns.txt"), path.with_suffix(".rows.txt"))
    return (path, *beside) if path.suffix.lower() == ".npy" else (path,)


def write_table(path: Path, table: Table) -> None:
    """Write a table in the format that its name asks for."""
    TABLES[check_table(str(path))](path, table)


def _npy(path: Path, table: Table) -> None:
    """Write an array ``(inputs, columns)``; the names stand beside it, one a line, in ``NAME.columns.txt``."""
    _, columns, rows = table_files(path)
    with atomic_output(path) as file:
        shape = (table.count, len(table.columns))
        np.lib.format.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": shape})
        for _, values in table.rows():
            file.write(np.array(values, "<f8").tobytes())
    with atomic_output(columns) as file:
        file.write("".join(f"{printable(name)}\n" for name in table.columns).encode())
    with atomic_output(rows) as file:
        for key, _ in table.rows():
            file.write(f"{printable(key)}\n".encode())


def _csv(path: Path, table: Table) -> None:
    """Write one line for each input; an empty cell where there is no number."""
    with atomic_output(path) as file:
        file.write((",".join(["input", *map(csv_cell, table.columns)]) + "\n").encode())
        for key, values in table.rows():
            cells = [repr(value) if math.isfinite(value) else "" for value in values]
            file.write((",".join([csv_cell(key), *cells]) + "\n").encode())


def _parquet(path: Path, table: Table) -> None:
    """Write one row for each input."""
    arrow, parquet = pyarrow()
    schema = arrow.schema([("input", arrow.string()), *((name, arrow.float64()) for name in table.columns)])

    def row(key: str, values: Sequence[float]) -> dict[str, Any]:
        return {"input": printable(key), **dict(zip(table.columns, values, strict=True))}

    parquet_rows(path, (row(*one) for one in table.rows()), schema, arrow, parquet)


#: How each format of table is written.
TABLES: dict[str, Callable[[Path, Table], None]] = {"npy": _npy, "csv": _csv, "parquet": _parquet}


#: Rows that are handed to Parquet at a time.
GROUP = 1000

COLUMNS = (
    "input", "state", "reason", "size", "kernel", "spec", "shape", "min", "max", "mean", "nonzero", "nan", "infinite",
    "display", "class", "score", "prediction", "outputs", "source",
)  # fmt: skip


def write_manifest(path: Path, records: Iterable[Record], form: str) -> None:
    """Write a manifest in one of the formats of ``MANIFESTS``, one record at a time."""
    MANIFESTS[form](path, records)


def _jsonl(path: Path, records: Iterable[Record]) -> None:
    """Write one line of JSON for each input."""
    with atomic_output(path) as file:
        for record in records:
            words = record.as_json()
            words.pop("features", None)
            for one in words.get("outputs", ()):
                one.pop("tag", None)  # it differs from store to store, and with the time
            file.write(msgspec.json.encode(words) + b"\n")


def _rows(record: Record) -> Iterator[dict[str, Any]]:
    """Yield one row for each map of an input; an input that failed has one row without a map."""
    shared = {
        "input": printable(record.key), "state": record.state, "reason": printable(record.reason), "size": record.size,
        "outputs": " ".join(printable(one.path) for one in record.outputs), "source": printable(record.source),
    }  # fmt: skip
    for row in record.maps or ({},):
        words = {name: row.get(name) for name in COLUMNS if name in row}
        if "shape" in row:
            words["shape"] = "x".join(map(str, row["shape"]))
        yield {**words, **shared}


def _manifest_csv(path: Path, records: Iterable[Record]) -> None:
    """Write one line for each map."""
    with atomic_output(path) as file:
        file.write((",".join(COLUMNS) + "\n").encode())
        for record in records:
            for row in _rows(record):
                cells = (row.get(name) for name in COLUMNS)
                file.write((",".join(map(_cell, cells)) + "\n").encode())


def _cell(value: object) -> str:
    """Return one cell of CSV; nothing for what is not known."""
    return csv_cell(value) if isinstance(value, str) else "" if value is None else repr(value)


def _manifest_parquet(path: Path, records: Iterable[Record]) -> None:
    """Write one row for each map."""
    arrow, parquet = pyarrow()
    whole, real = {"size", "nonzero", "nan", "infinite"}, {"min", "max", "mean", "score"}
    kinds = [
        (name, arrow.int64() if name in whole else arrow.float64() if name in real else arrow.string())
        for name in COLUMNS
    ]
    rows = (row for record in records for row in _rows(record))
    parquet_rows(path, rows, arrow.schema(kinds), arrow, parquet)


def parquet_rows(path: Path, rows: Iterable[dict[str, Any]], schema: Any, arrow: Any, parquet: Any) -> None:
    """Write rows in groups, so that memory stays flat."""
    with atomic_output(path) as file, parquet.ParquetWriter(file, schema) as writer:
        group: list[dict[str, Any]] = []
        for row in rows:
            group.append(row)
            if len(group) == GROUP:
                writer.write_table(arrow.Table.from_pylist(group, schema=schema))
                group = []
        writer.write_table(arrow.Table.from_pylist(group, schema=schema))


def pyarrow() -> tuple[Any, Any]:
    """Return Arrow and its Parquet part."""
    try:
        import pyarrow as arrow
        from pyarrow import parquet
    except ImportError:
        raise MissingExtraError("Parquet needs pyarrow (pip install 'cnnfilter[parquet]')") from None
    return arrow, parquet


#: How each form of manifest is written.
MANIFESTS: dict[str, Callable[[Path, Iterable[Record]], None]] = {
    "jsonl": _jsonl,
    "csv": _manifest_csv,
    "parquet": _manifest_parquet,
}


def check_finish(place: Place, forms: Sequence[str], features: str | None) -> tuple[Path, ...]:
    """Return the files on this machine that a run ends with; raise if one could not be written.

    Raises
    ------
    OutputError
        If a format is not known, or a table would take the place of a manifest.
    """
    for form in forms:
        lookup(MANIFESTS, form, "manifest format")
    if "parquet" in forms:
        pyarrow()
    manifests = tuple(place.own(manifest_name(form)) for form in forms)
    if features is None:
        return manifests
    check_table(features)
    table = table_files(Path(features))
    if not set(map(collision_key, manifests)).isdisjoint(map(collision_key, table)):
        raise OutputError(f"{quoted(features)} is the manifest of this run (choose another --features)")
    return (*manifests, *table)


def manifest_name(form: str) -> str:
    """Return the name of a manifest."""
    return f"manifest.{form}"


def places_of(place: Place, forms: Sequence[str], features: str | None, *, finished: bool) -> dict[str, list[str]]:
    """Return where everything is that a run wrote; journal, manifest and table are there once it is finished."""
    places = {"results": [place.name], "ledger": [str(place.state / LEDGER)]}
    if finished:
        places["journal"] = [place.address(f"{STATE_FOLDER}/{JOURNAL}")]
        places["manifest"] = [place.address(manifest_name(form)) for form in forms]
        places |= {"features": [features]} if features is not None else {}
    return places


def finish(place: Place, recipe: Recipe, ledger: Ledger, forms: Sequence[str], features: str | None) -> None:
    """Write the manifest in each form, and the feature table where one is asked for."""
    for form in forms:
        target = place.own(manifest_name(form))
        write_manifest(target, ledger.in_order(), form)
        place.publish(target, manifest_name(form))
    if features is not None:
        write_table(Path(features), Table.of(ledger, recipe.labels, recipe.measures))
