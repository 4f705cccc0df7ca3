"""What the commands of `kernels` do, but for the list, which needs little: pages, exports, comparisons, checks."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import typer

from cnnfilter.cli.main import describe, say
from cnnfilter.cli.opening import check_open, open_files
from cnnfilter.errors import CnnFilterError, ParameterError, lookup
from cnnfilter.files import atomic_output, check_outputs, printable, quoted
from cnnfilter.library.catalog import entries, search_path
from cnnfilter.library.conventions import CONVENTIONS
from cnnfilter.library.load import files_read, load_kernels
from cnnfilter.library.passport import passport
from cnnfilter.views.kernels import passport_json, print_passport


def show_kernels(spec: str, output: str | None, folders: Sequence[str] | None, *, json: bool, open_: bool) -> None:
    """Print the passports of kernels, or draw one as a page, several as a sheet."""
    check_open(open_, output)
    search = search_path(folders or ())
    found = load_kernels(spec, search=search)
    if output is not None:
        from cnnfilter.run.kernel_sheet import write_passport, write_sheet

        if len(found) == 1 and found[0].weights.ndim == 2:
            write_passport(found[0], search, output)
        else:
            write_sheet(found, search, output)
        _say_drawn(output, len(found), open_=open_)
        return
    passports = [passport(one, search) for one in found]
    if json:
        print(passport_json(passports))  # noqa: T201
        return
    for one in passports:
        print_passport(one)


def draw_sheet(
    specs: Sequence[str], family: str | None, image: str, output: str, folders: Sequence[str] | None, *, open_: bool
) -> None:
    """Draw kernels, or those of a family, and what each makes of a picture."""
    from cnnfilter.images.read import open_picture
    from cnnfilter.run.filter_table import write_table
    from cnnfilter.run.options import make_options

    search = search_path(folders or ())
    names = list(specs)
    if family is not None:
        known = [entry for entry in entries(search) if not entry.hidden_by and entry.kind == "kernel"]
        lookup({entry.family: entry for entry in known}, family, "family")
        names += [entry.name for entry in known if entry.family == family]
    if not names:
        raise ParameterError("kernels sheet takes kernels, or --family NAME (kernels list names both)")
    if not image:
        raise ParameterError("kernels sheet shows what kernels make of a picture: --image FILE")
    found = load_kernels(*names, search=search)
    check_outputs([output], (*files_read(found, search), image))
    options = make_options(padding="same", padding_mode="reflect")
    title = f"The family {family}" if family and not specs else "Filters"
    write_table(found, open_picture(image), title, output, options)
    _say_drawn(output, len(found), open_=open_)


def _say_drawn(output: str, count: int, *, open_: bool) -> None:
    """Say what was drawn, and open it where that is asked for."""
    typer.echo(f"wrote {printable(output)}: {count} kernel{'s' * (count > 1)}")
    if open_:
        open_files([output])


def export_kernels(spec: str, to: str, image: str, output: str | None, folders: Sequence[str] | None) -> None:
    """Print a kernel in the form of a tool, or write it to a file."""
    from cnnfilter.cli.shared import refuse_terminal
    from cnnfilter.library.export import export

    if to == "npy":
        refuse_terminal(output or "-", [to])
    _check_ending(output, to)
    search = search_path(folders or ())
    found = load_kernels(spec, search=search, tool=to if to in CONVENTIONS else "")
    data = export(found, to, image)
    target = None if output in (None, "-") else Path(str(output))
    check_outputs([target or 1], (*files_read(found, search), image))
    if target is None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    with atomic_output(target) as file:
        file.write(data)


def _check_ending(output: str | None, to: str) -> None:
    """Raise where a kernel file would have the ending of another form; code goes into any file."""
    endings = {"json": (".json",), "yaml": (".yaml", ".yml"), "npy": (".npy",)}.get(to)
    ending = Path(output or "-").suffix.lower()
    if endings and ending[1:].isalpha() and ending not in endings:
        raise ParameterError(f"{quoted(str(output))} ends in {ending[1:]}, but --to says {to} (drop one of them)")


def compare_tools(spec: str, tools: str, folders: Sequence[str] | None, *, json: bool) -> None:
    """Print where two tools differ about a kernel."""
    from cnnfilter.run.between import between
    from cnnfilter.views.between import comparison_json, print_comparison

    found = between(spec, [tool.strip() for tool in tools.split(",")], search_path(folders or ()))
    if json:
        print(comparison_json(found))  # noqa: T201
    else:
        print_comparison(found)


def check_files(files: Sequence[str] | None, folders: Sequence[str] | None) -> None:
    """List what is wrong with kernel files; end with 2 where something is."""
    from cnnfilter.library.check import check, places

    search = search_path(folders or ())
    failed = False
    for text in files or map(str, search):
        try:
            found = [check(place, search) for place in places(text)]
        except CnnFilterError as error:
            say(describe(error))
            failed = True
            continue
        for one in found:
            for problem in one.problems:
                say(describe(problem))
            if one.more:
                say(f"{quoted(one.what)}: mistakes in {one.more:,} more kernels and banks (the first ones are listed)")
            if not one.problems:
                typer.echo(f"{printable(one.what)}: {one.kernels} kernel{'s' * (one.kernels != 1)}, all well")
            failed = failed or bool(one.problems)
    if failed:
        raise typer.Exit(2)
