"""The manifest: every input of the plan, in order, with how it came out and the facts of its maps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from cnnfilter.batch.journal import Ledger
from cnnfilter.batch.plan import read_plan
from cnnfilter.batch.records import FAILED, Record
from cnnfilter.dumps.write import csv_cell
from cnnfilter.errors import MissingExtraError
from cnnfilter.files import atomic_output, printable

#: Rows that are handed to Parquet at a time.
GROUP = 1000

COLUMNS = (
    "input", "state", "reason", "size", "kernel", "spec", "shape", "min", "max", "mean", "nonzero", "nan", "infinite",
    "display", "class", "score", "prediction", "outputs", "source",
)  # fmt: skip


def in_order(plan: Path, ledger: Ledger) -> Iterator[Record]:
    """Yield the record of every input in the order of the plan."""
    for item in read_plan(plan):
        record = ledger.get(item.key) or Record("", item.key, item.size, item.stamp, FAILED, "not done")
        yield msgspec.structs.replace(record, source=item.source)


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


def _csv(path: Path, records: Iterable[Record]) -> None:
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


def _parquet(path: Path, records: Iterable[Record]) -> None:
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
MANIFESTS: dict[str, Callable[[Path, Iterable[Record]], None]] = {"jsonl": _jsonl, "csv": _csv, "parquet": _parquet}
