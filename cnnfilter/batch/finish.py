"""The end of a run: manifest and feature table, from the journal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cnnfilter.batch.folder import JOURNAL, State, state_of
from cnnfilter.batch.journal import Ledger
from cnnfilter.batch.manifest import MANIFESTS, in_order, pyarrow, write_manifest
from cnnfilter.batch.recipe import Recipe
from cnnfilter.batch.roots import is_url
from cnnfilter.batch.stores import join_url, write_object
from cnnfilter.batch.table import Table, check_table, table_files, write_table
from cnnfilter.errors import OutputError, lookup
from cnnfilter.files import collision_key, quoted


def check_finish(output: str, forms: Sequence[str], features: str | None) -> tuple[Path, ...]:
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
    manifests = () if is_url(output) else tuple(Path(manifest_path(output, form)) for form in forms)
    if features is None:
        return manifests
    check_table(features)
    table = table_files(Path(features))
    if not set(map(collision_key, manifests)).isdisjoint(map(collision_key, table)):
        raise OutputError(f"{quoted(features)} is the manifest of this run (choose another --features)")
    return (*manifests, *table)


def manifest_path(output: str, form: str = "jsonl") -> str:
    """Return where the manifest of an output is."""
    name = f"manifest.{form}"
    return join_url(output, name) if is_url(output) else str(Path(output, name))


def places_of(output: str, forms: Sequence[str], features: str | None, *, finished: bool) -> dict[str, list[str]]:
    """Return where everything is that a run wrote; manifest and table are there once it is finished."""
    journal = join_url(output, JOURNAL) if is_url(output) else str(state_of(output).journal)
    places = {"results": [output], "journal": [journal]}
    if finished:
        places["manifest"] = [manifest_path(output, form) for form in forms]
        places |= {"features": [features]} if features is not None else {}
    return places


def finish(output: str, recipe: Recipe, state: State, forms: Sequence[str], features: str | None) -> None:
    """Write the manifest in each form, and the feature table where one is asked for."""
    with Ledger(state.journal) as ledger:
        for form in forms:
            target = state.folder / f"manifest.{form}" if is_url(output) else Path(manifest_path(output, form))
            write_manifest(target, in_order(state.plan, ledger), form)
            if is_url(output):
                write_object(target, manifest_path(output, form))
        if features is not None:
            write_table(Path(features), Table.of(state.plan, ledger, recipe.labels, recipe.measures))
    if is_url(output):
        write_object(state.journal, join_url(output, JOURNAL))
