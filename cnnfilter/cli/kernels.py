"""``cnnfilter kernels``: the kernel library."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cnnfilter.cli import flags
from cnnfilter.errors import CnnFilterError

if TYPE_CHECKING:
    from cnnfilter.library.catalog import Entry

app = typer.Typer(
    help="The kernel library: what there is, what it is, where it lies.",
    context_settings={"help_option_names": ["-h", "--help"]},
)  # fmt: skip

Words = Annotated[list[str] | None, typer.Argument(metavar="[WORD]...", help="Only kernels that mention every word.")]


@app.command("list")
def list_(
    words: Words = None,
    family: Annotated[str | None, typer.Option("--family", metavar="NAME", help="Only this family.")] = None,
    kernel_dir: flags.KernelDirs = None,
    json: flags.Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the names alone.")] = False,
    debug: flags.Debug = False,
) -> None:
    """List kernels and banks.

    Example: cnnfilter kernels list sobel --family gradient
    """
    from cnnfilter.errors import CnnFilterError, lookup
    from cnnfilter.library.catalog import entries, search_path

    problems: list[CnnFilterError] = []
    found = [entry for entry in entries(search_path(kernel_dir or ()), problems) if not entry.hidden_by]
    if family is not None:
        lookup({entry.family: entry for entry in found}, family, "family")
        found = [entry for entry in found if entry.family == family]
    found = [entry for entry in found if all(_mentions(entry, word) for word in words or ())]
    from cnnfilter.views import library as views

    if quiet:
        views.print_names(found)
    elif json:
        views.print_json(found)
    elif found:
        views.print_list(found)
    else:
        typer.echo(f"no kernel mentions {' '.join(words or ())}")
    if problems:
        from cnnfilter.cli.main import describe, say

        for problem in problems:
            say(describe(problem))
        raise typer.Exit(2)


def _mentions(entry: "Entry", word: str) -> bool:
    """Say whether a word of the entry begins with `word`."""
    return any(part.startswith(word.lower()) for text in (*entry.words, entry.family) for part in _words(text))


def _words(text: str) -> list[str]:
    """Return a name whole, and the words of it or of a sentence."""
    import re

    return [text.lower(), *re.findall(r"\w+", text.lower())]


@app.command("show")
def show(
    kernel: Annotated[
        str, typer.Argument(metavar="KERNEL", autocompletion=flags.kernel_names, help="A name, or any other spec.")
    ],
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FILE", help="Draw one as a page, several as a sheet.")
    ] = None,
    kernel_dir: flags.KernelDirs = None,
    json: flags.Json = False,
    debug: flags.Debug = False,
) -> None:  # fmt: skip
    """Print a kernel: its coefficients, as fractions where they are exact, and what is known of it.

    Example: cnnfilter kernels show gaussian:size=5

    Example: cnnfilter kernels show 'model.onnx#conv1.weight[:16]' -o filters.png
    """
    from cnnfilter.library import load_kernels, search_path

    search = search_path(kernel_dir or ())
    found = load_kernels(kernel, search=search)
    if output is not None:
        from cnnfilter.run.kernel_sheet import write_passport, write_sheet

        if len(found) == 1 and found[0].weights.ndim == 2:
            write_passport(found[0], search, output)
        else:
            write_sheet(found, search, output)
        typer.echo(f"wrote {output}: {len(found)} kernel{'s' * (len(found) > 1)}")
        return
    from cnnfilter.library.passport import passport
    from cnnfilter.views.kernels import passport_json, print_passport

    passports = [passport(one, search) for one in found]
    if json:
        print(passport_json(passports))  # noqa: T201
        return
    for one in passports:
        print_passport(one)


@app.command("export")
def export(
    kernel: Annotated[
        str, typer.Argument(metavar="KERNEL", autocompletion=flags.kernel_names, help="A name, or any other spec.")
    ],
    to: Annotated[
        str,
        typer.Option(
            "--to", metavar="TOOL", help="python, torch, opencv, scipy, imagemagick, vips, gmic, pillow, ffmpeg, c, "
            "json, yaml or npy.",
        ),
    ],
    image: Annotated[str, typer.Option("--image", metavar="FILE", help="The picture that it reads.")] = "image.png",
    output: Annotated[str | None, typer.Option("--output", "-o", metavar="FILE", help="Write to this file.")] = None,
    kernel_dir: flags.KernelDirs = None,
    debug: flags.Debug = False,
) -> None:  # fmt: skip
    """Print a kernel as code or a command of another tool that gives the same picture, or as a file.

    A tool that has a function of that name is called by it, as convolve does with --as.

    Example: cnnfilter kernels export sobel-x --to opencv
    """
    import sys

    from cnnfilter.cli.shared import refuse_terminal
    from cnnfilter.files import atomic_output, check_outputs
    from cnnfilter.library import search_path
    from cnnfilter.library.conventions import CONVENTIONS, load_as
    from cnnfilter.library.export import export
    from cnnfilter.library.load import distinct_kernels, files_read

    if to == "npy":
        refuse_terminal(output or "-", [to])
    _check_ending(output, to)
    search = search_path(kernel_dir or ())
    found = distinct_kernels(load_as(kernel, to if to in CONVENTIONS else "", search))
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
    from cnnfilter.errors import ParameterError
    from cnnfilter.files import quoted

    endings = {"json": (".json",), "yaml": (".yaml", ".yml"), "npy": (".npy",)}.get(to)
    ending = Path(output or "-").suffix.lower()
    if endings and ending[1:].isalpha() and ending not in endings:
        raise ParameterError(f"{quoted(str(output))} ends in {ending[1:]}, but --to says {to} (drop one of them)")


@app.command("compare")
def compare(
    kernel: Annotated[
        str, typer.Argument(metavar="KERNEL", autocompletion=flags.kernel_names, help="A name, or any other spec.")
    ],
    between: Annotated[str, typer.Option("--between", metavar="TOOL,TOOL", help="Two tools that --as knows.")],
    kernel_dir: flags.KernelDirs = None,
    json: flags.Json = False,
    debug: flags.Debug = False,
) -> None:
    """Say where two tools differ about one kernel, why, and by how much on a small sample.

    Example: cnnfilter kernels compare sobel-x --between opencv,skimage
    """
    from cnnfilter.library import search_path
    from cnnfilter.run.between import between as compared
    from cnnfilter.views.kernels import comparison_json, print_comparison

    found = compared(kernel, [tool.strip() for tool in between.split(",")], search_path(kernel_dir or ()))
    if json:
        print(comparison_json(found))  # noqa: T201
    else:
        print_comparison(found)


@app.command("path")
def path(kernel_dir: flags.KernelDirs = None, debug: flags.Debug = False) -> None:
    """Print the folders where kernels are looked for, first one first."""
    from cnnfilter.library import search_path

    for folder in search_path(kernel_dir or ()):
        typer.echo(str(folder))


@app.command("check")
def check(
    files: Annotated[
        list[str] | None, typer.Argument(metavar="[FILE]...", help="Files, folders, or any other specs.")
    ] = None,
    kernel_dir: flags.KernelDirs = None,
    debug: flags.Debug = False,
) -> None:  # fmt: skip
    """Check kernel files: load every kernel in them, hold YAML and JSON to the schema, and list all that is wrong.

    Reads all that -k reads: .yaml, .json, .csv, .txt, .mat, .npy, .npz, .safetensors, .onnx, names and matrices.

    Example: cnnfilter kernels check mine.yaml
    """
    from cnnfilter.cli.main import describe, say
    from cnnfilter.files import printable, quoted
    from cnnfilter.library import search_path
    from cnnfilter.library.check import check as checked
    from cnnfilter.library.check import places

    search = search_path(kernel_dir or ())
    failed = False
    for text in files or map(str, search):
        try:
            found = [checked(place, search) for place in places(text)]
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
