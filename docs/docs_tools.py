"""What the generated parts of the pages call: run the program, or read it, and put what it says into the page."""

import inspect
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cog
import numpy as np
import typer
from PIL import Image

from cnnfilter.cli.main import build_app

ROOT = Path(__file__).resolve().parents[1]

#: Rows of docs/speed.md that the README shows: one of each kind of work, those where we are behind among them.
SPEED_ROWS = (
    ("8-bit gray, 5x5", "OpenCV filter2D", "2"),
    ("float32, 3x3", "OpenCV filter2D", "1"),
    ("Gaussian 31x31", "OpenCV filter2D", "2"),
    ("dense 31x31, float32", "OpenCV filter2D", "2"),
    ("16 filters 3x3, 1 Mpixel", "PyTorch", "2"),
    ("float32, 9x9", "scipy.ndimage", "1"),
    ("3x3 max pooling, stride 1", "PyTorch", "2"),
    ("tanh", "PyTorch", "2"),
    ("layer 64 to 64, 3x3 stride 1, 56x56", "PyTorch", "1"),
    ("command: gray PNG to PNG", "vips conv", "2"),
    ("command: gray PNG to PNG", "OpenCV script", "2"),
    ("command: colour JPEG to PNG", "ImageMagick", "2"),
)


#: A folder for each page, in which its commands find the samples and what earlier ones wrote.
_FOLDERS: dict[str, tempfile.TemporaryDirectory[str]] = {}
#: How far pixels may lie from those of the picture that is there, on average, of 255: fonts and coders differ a little.
LIKE = 2.0


def _folder() -> Path:
    """Return the folder of the page that is being written."""
    if cog.inFile not in _FOLDERS:
        _FOLDERS[cog.inFile] = tempfile.TemporaryDirectory()
        (Path(_FOLDERS[cog.inFile].name) / "samples").symlink_to(ROOT / "samples")
    return Path(_FOLDERS[cog.inFile].name)


def _said(command: str) -> list[str]:
    """Return the lines that ``cnnfilter COMMAND`` prints."""
    environment = os.environ | {"COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"}
    done = subprocess.run(
        [sys.executable, "-m", "cnnfilter", *shlex.split(command)],
        cwd=_folder(), env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [line.rstrip().replace(f"{ROOT}/", "") for line in done.stdout.splitlines()]


def _block(command: str, lines: list[str]) -> str:
    """Return a command and what it said as a console block."""
    said = "\n".join(lines).strip("\n")
    return f"\n```console\n$ cnnfilter {command}\n{said}{'' if not said else chr(10)}```\n"


def run(command: str) -> None:
    """Run ``cnnfilter COMMAND`` on the samples, and write command and output as a console block."""
    cog.outl(_block(command, _said(command)))


def like(command: str) -> None:
    """Do the same for what another processor may add up otherwise: if only numbers differ, what stands there stays."""
    made = _block(command, _said(command))
    same = _words(made) == _words(cog.previous)
    cog.outl(cog.previous.rstrip("\n") + "\n" if same else made)


def _words(text: str) -> list[str]:
    """Return the words of a text without its numbers, the rows of a table of numbers as one."""
    lines = [
        " ".join(re.sub(r"[-+]?[0-9][0-9.,e%+-]*|\*|no better for .*?; ", "", line).split())
        for line in text.splitlines()
    ]
    return [line for line in lines if line.strip(" │%-")]


def picture(command: str, name: str, words: str) -> None:
    """Run ``cnnfilter COMMAND``, which writes a picture with ``-o``, and show it; one that looks otherwise fails."""
    _said(command)
    written = shlex.split(command)
    made = _folder() / written[written.index("-o") + 1]
    kept = ROOT / "docs" / "lecture" / name
    if not kept.is_file() or _difference(made, kept) > LIKE:
        if "--check" in sys.argv:
            raise SystemExit(f"docs/lecture/{name} is not what {command!r} makes now: poe write-documents")
        shutil.copyfile(made, kept)
    cog.outl(f"\n```console\n$ cnnfilter {command}\n```\n\n![{words}](lecture/{name})\n")


def kept(name: str, words: str) -> None:
    """Show a picture that an earlier command wrote; one that is there stays: training ends otherwise elsewhere."""
    place = ROOT / "docs" / "lecture" / name
    if not place.is_file():
        shutil.copyfile(_folder() / name, place)
    cog.outl(f"\n![{words}](lecture/{name})\n")


def page(command: str) -> None:
    """Run ``cnnfilter COMMAND``, which writes Markdown with ``-o``, and write that."""
    _said(command)
    words = shlex.split(command)
    text = (_folder() / words[words.index("-o") + 1]).read_text()
    cog.outl("\n" + text.replace("## ", "#### ").strip("\n") + "\n")


def table(command: str, name: str) -> None:
    """Run ``cnnfilter COMMAND``, and write a CSV that it makes as a block."""
    _said(command)
    cog.outl(f"\n```csv\n{(_folder() / name).read_text().strip()}\n```\n")


def _difference(one: Path, other: Path) -> float:
    """Return how far the pixels of two pictures lie apart, on average; of films those of the last frames."""
    pixels = []
    for path in (one, other):
        with Image.open(path) as image:
            image.seek(getattr(image, "n_frames", 1) - 1)
            pixels.append(np.asarray(image.convert("RGB"), float))
    return float(np.abs(pixels[0] - pixels[1]).mean()) if pixels[0].shape == pixels[1].shape else 255.0


def speed() -> None:
    """Write some rows of docs/speed.md, and the lines that say when and where they were measured."""
    lines = (ROOT / "docs" / "speed.md").read_text().splitlines()
    cells = [[cell.strip() for cell in line.split("|")] for line in lines if line.startswith("|")]
    table = {tuple(row[1:4]): row for row in cells}
    start = next(index for index, line in enumerate(lines) if line[:2].isdigit())
    cog.outl("\n| work, 12 megapixels where nothing else is said | peer | threads | our time / theirs |")
    cog.outl("|---|---|---:|---:|")
    for row in SPEED_ROWS:
        cog.outl("| {} | {} | {} | {} |".format(*row, table[row][6].strip("*")))
    cog.outl("\nMeasured on {}\n{}\n".format(*lines[start : start + 2]))


def commands() -> None:
    """Write a section for each command of the program: what it does, how it is called, and its flags by panel."""
    for name, command in _commands_of(typer.main.get_command(build_app()), "cnnfilter"):
        text = inspect.cleandoc(command.help or "")
        context = typer.Context(command, info_name=name)
        usage = " ".join(["cnnfilter", *name.split()[1:], *command.collect_usage_pieces(context)])
        cog.outl(f"\n## {name}\n")
        cog.outl(re.sub(r"^Example: (.+?)$", r"```console\n$ \1\n```", text, flags=re.M))
        cog.outl(f"\nUsage: `{usage}`")
        _arguments(command, context)
        _flags(command, context)
    cog.outl()


def _commands_of(group: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield every command below a group with the words that call it."""
    for word, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands_of(command, f"{name} {word}")
        else:
            yield f"{name} {word}", command


def _arguments(command: Any, context: typer.Context) -> None:
    """Write the words that a command takes besides its flags."""
    arguments = [one for one in command.params if one.param_type_name == "argument" and one.help]
    if arguments:
        cog.outl("\n| argument | meaning |\n|---|---|")
        for one in arguments:
            cog.outl(f"| `{_cell(one.make_metavar(context))}` | {_cell(one.help)} |")


def _flags(command: Any, context: typer.Context) -> None:
    """Write a table of flags for each panel of the help page, in its order."""
    panels: dict[str, list[Any]] = {}
    for one in command.params:
        if one.param_type_name == "option" and not one.hidden:
            panels.setdefault(one.rich_help_panel or "Options", []).append(one)
    for panel, options in panels.items():
        cog.outl(f"\n| {panel} | values | default | meaning |\n|---|---|---|---|")
        for one in options:
            words = ", ".join(f"`{word}`" for word in [*one.opts, *one.secondary_opts])
            switch = bool(one.is_flag)
            values = "" if switch else f"`{_cell(_metavar(one, context))}`"
            default = "" if switch or one.default in (None, "", []) or one.multiple else f"`{one.default}`"
            cog.outl(f"| {words} | {values} | {default} | {_cell(one.help)} |")


def _metavar(option: Any, context: typer.Context) -> str:
    """Return what an option takes, in the words of the others where it has none of its own."""
    words = option.make_metavar(context)
    return {"<float>": "NUMBER", "<integer>": "N", "<text>": "TEXT"}.get(words, words)


def _cell(text: str) -> str:
    """Return text that a cell of a table can hold."""
    return " ".join(text.split()).replace("|", "\\|")
