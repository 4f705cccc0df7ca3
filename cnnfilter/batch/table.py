"""The feature table: one row for each input of the plan, one column for each measure of each map."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cnnfilter.batch.journal import Ledger
from cnnfilter.batch.manifest import in_order, parquet_rows, pyarrow
from cnnfilter.dumps.write import csv_cell
from cnnfilter.errors import OutputError
from cnnfilter.files import atomic_output, printable, quoted
from cnnfilter.text import distinct, folded


@dataclass(frozen=True)
class Table:
    """The rows of a table, read from the journal whenever they are walked through: none is held.

    Attributes
    ----------
    columns
        ``kernel.measure``, or ``kernel.channel.measure`` where some input has several channels.
    """

    plan: Path
    ledger: Ledger
    columns: tuple[str, ...]
    channels: tuple[int, ...]
    measures: int
    count: int

    @classmethod
    def of(cls, plan: Path, ledger: Ledger, labels: Sequence[str], measures: Sequence[str]) -> Table:
        """Return the table of a finished run: as many channels for each map as the deepest input has."""
        channels, count = [1] * len(labels), 0
        for record in in_order(plan, ledger):
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
        return cls(plan, ledger, columns, tuple(channels), len(measures), count)

    def rows(self) -> Iterator[tuple[str, list[float]]]:
        """Yield key and values of each input; NaN where it has no such channel, or failed."""
        for record in in_order(self.plan, self.ledger):
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
