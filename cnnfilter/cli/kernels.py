"""``cnnfilter kernels``: the kernel library."""

import re
from typing import TYPE_CHECKING, Annotated

import typer

from cnnfilter.cli import flags
from cnnfilter.cli.main import describe, say
from cnnfilter.errors import CnnFilterError, lookup

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
    from cnnfilter.library.catalog import entries, search_path
    from cnnfilter.views import library as views

    problems: list[CnnFilterError] = []
    found = [entry for entry in entries(search_path(kernel_dir or ()), problems) if not entry.hidden_by]
    if family is not None:
        lookup({entry.family: entry for entry in found}, family, "family")
        found = [entry for entry in found if entry.family == family]
    found = [entry for entry in found if all(_mentions(entry, word) for word in words or ())]
    if quiet:
        views.print_names(found)
    elif json:
        views.print_json(found)
    elif found:
        views.print_list(found)
    else:
        typer.echo(f"no kernel mentions {' '.join(words or ())}")
    if problems:
        for problem in problems:
            say(describe(problem))
        raise typer.Exit(2)


def _mentions(entry: "Entry", word: str) -> bool:
    """Say whether a word of the entry begins with `word`."""
    return any(part.startswith(word.lower()) for text in (*entry.words, entry.family) for part in _words(text))


def _words(text: str) -> list[str]:
    """Return a name whole, and the words of it or of a sentence."""
    return [text.lower(), *re.findall(r"\w+", text.lower())]


@app.command("show")
def show(
    kernel: Annotated[
        str, typer.Argument(metavar="KERNEL", autocompletion=flags.kernel_names, help="A name, or any other spec.")
    ],
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FILE", help="Draw one as a page, several as a sheet.")
    ] = None,
    open_: flags.Open = False,
    kernel_dir: flags.KernelDirs = None,
    json: flags.Json = False,
    debug: flags.Debug = False,
) -> None:  # fmt: skip
    """Print a kernel: its coefficients, as fractions where they are exact, and what is known of it.

    Example: cnnfilter kernels show gaussian:size=5

    Example: cnnfilter kernels show 'model.onnx#conv1.weight[:16]' -o filters.png
    """
    from cnnfilter.cli.library import show_kernels

    show_kernels(kernel, output, kernel_dir, json=json, open_=open_)


@app.command("sheet")
def sheet(
    kernels: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KERNEL]...", autocompletion=flags.kernel_names, help="Names, banks, or other specs."),
    ] = None,
    family: Annotated[str | None, typer.Option("--family", metavar="NAME", help="All kernels of this family.")] = None,
    image: Annotated[str, typer.Option("--image", metavar="FILE", help="The picture that they are shown on.")] = "",
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="The table: .png, .jpg, .webp or .tiff.")
    ] = "kernels.png",
    open_: flags.Open = False,
    kernel_dir: flags.KernelDirs = None,
    debug: flags.Debug = False,
) -> None:  # fmt: skip
    """Draw a table of kernels: each one's name, its numbers, and what it makes of a picture.

    Borders are mirrored, so that the effect is as large as the picture.

    Example: cnnfilter kernels sheet --family sharpening --image photo.jpg -o sharpening.png

    Example: cnnfilter kernels sheet sobel-x sobel-y bank:lines --image photo.jpg -o edges.png
    """
    from cnnfilter.cli.library import draw_sheet

    draw_sheet(kernels or (), family, image, output, kernel_dir, open_=open_)


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
    from cnnfilter.cli.library import export_kernels

    export_kernels(kernel, to, image, output, kernel_dir)


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
    from cnnfilter.cli.library import compare_tools

    compare_tools(kernel, between, kernel_dir, json=json)


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
    from cnnfilter.cli.library import check_files

    check_files(files, kernel_dir)
