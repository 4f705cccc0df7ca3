"""What the commands share: images in, results out, one failure not stopping the others."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import typer

from cnnfilter.cli.flags import LimitFlags, OutputFlags, PixelFlags, StepFlags, StoredFlags, ViewFlags
from cnnfilter.cli.main import describe, say
from cnnfilter.cli.opening import open_files
from cnnfilter.cli.picture_flags import PictureFlags
from cnnfilter.cli.words import called, in_place, is_in_place
from cnnfilter.core.shapes import pair
from cnnfilter.dumps.names import GRID_EXTENSIONS
from cnnfilter.dumps.words import PLAIN, WORD_FORMATS, Words
from cnnfilter.dumps.write import DUMP_FORMATS
from cnnfilter.errors import CnnFilterError, OutputError, ParameterError, ResourceError, UnknownNameError
from cnnfilter.files import check_outputs, printable, quoted
from cnnfilter.images.arrange import USUAL, Arrangement
from cnnfilter.images.frames import ALL, READ, Reading, frame_name, parse_reading
from cnnfilter.images.picture import MOST_FRAMES, Picture
from cnnfilter.images.read import count_pictures, open_picture, read_stream
from cnnfilter.library.catalog import search_path
from cnnfilter.library.conventions import adopt_words
from cnnfilter.library.kernel import Kernel
from cnnfilter.library.load import load_kernels
from cnnfilter.run.image import Done, Request, do_image
from cnnfilter.run.look import make_looks
from cnnfilter.run.options import Options, make_options, parse_bytes
from cnnfilter.run.outputs import Output, check_vectors, make_folder, parse_formats, plan_outputs, stem
from cnnfilter.run.render import tiles_of
from cnnfilter.run.results import Failure
from cnnfilter.run.steps import Step, plain_step
from cnnfilter.views.progress import Progress
from cnnfilter.views.terminal import note_lines, summary_json, summary_text, terminal_width, write, write_notes

if TYPE_CHECKING:
    from rich.console import Console

#: A map with both sides up to this is easier read as numbers.
SMALL = 32


class Input(NamedTuple):
    """One input: its name, the file that it is from, which frame of it, and its bytes where they are at hand.

    They are those of numbers written in place, and of frames that came by a pipe.
    """

    name: str
    source: str
    reading: Reading
    data: bytes | None = None


class Files(NamedTuple):
    """What the user said about files."""

    output: str | None = None
    formats: Sequence[str] = ()
    stack: bool = False
    flatten: bool = False
    also_read: Iterable[str | Path] = ()
    max_pixels: int = 0
    max_memory: str | None = None
    reading: Reading = READ


def files_of(
    stored: StoredFlags, limits: LimitFlags, output: OutputFlags | None = None, *, stack: bool = False,
    also_read: Iterable[str | Path] = (),
) -> Files:  # fmt: skip
    """Return what the flags say about files."""
    reading = parse_reading(stored.layout, stored.frame, truncated=stored.allow_truncated)
    output = output or OutputFlags()
    return Files(
        output.output, output.format or (), stack, output.flatten, also_read, limits.max_pixels, limits.max_memory,
        reading,
    )  # fmt: skip


def filters_of(
    specs: Sequence[str], pixels: PixelFlags, step: StepFlags, threads: int | None, given: frozenset[str]
) -> tuple[tuple[Kernel, ...], Options]:
    """Return the kernels that are asked for, and what is done with them; `given` are the flags that were typed."""
    words = {**step._asdict(), **pixels._asdict(), "threads": threads}
    tool, folders = words.pop("as_"), words.pop("kernel_dir")
    options = make_options(**adopt_words(tool, words, given))
    search = search_path(folders or ())
    return tuple(load_kernels(*specs, search=search, tool=tool)), options


def request_of(
    options: Options, steps: tuple[Step, ...], view: ViewFlags, limits: LimitFlags, pictures: PictureFlags, *,
    output: OutputFlags | None = None,
) -> Request:  # fmt: skip
    """Return what the flags ask for of every picture."""
    return Request(
        steps=steps, options=options, flatten=output is not None and output.flatten, keep=view.numbers or view.preview,
        preview=view.preview, at=position(view.at), max_memory=memory_limit(limits.max_memory),
        max_pixels=limits.max_pixels, words=PLAIN if output is None else words_of(output), **looks_of(pictures),
    )  # fmt: skip


def words_of(output: OutputFlags) -> Words:
    """Return how numbers become words.

    Raises
    ------
    ParameterError
        If that is said, and nothing is made of words.
    """
    words = Words(output.word, output.order).checked()
    made = {*(output.format or ()), Path(output.output or "").suffix.lower().lstrip(".")}
    if words != PLAIN and made.isdisjoint(WORD_FORMATS):
        raise ParameterError(f"--word and --order are for {', '.join(WORD_FORMATS)} (-f mem)")
    return words


def looks_of(pictures: PictureFlags) -> dict[str, Any]:
    """Return what the flags say about pictures, by name."""
    words = pictures._asdict()
    lying = {name: words.pop(name) for name in ("columns", "ground", "with_input", "with_kernels")}
    return make_looks(**words, sheet=Arrangement(**lying))


class Failures(list[tuple[str, CnnFilterError]]):
    """What went wrong with which inputs; each is told of at once."""

    def add(self, name: str, error: CnnFilterError | MemoryError) -> None:
        """Keep a failure, and say what it is."""
        self.append((name, as_resource(error)))
        report_failure(*self[-1])

    def leave(self) -> None:
        """End with the code that they stand for, if there are any."""
        if self:
            raise typer.Exit(4 if any(isinstance(error, ResourceError) for _, error in self) else 3)


def run(images: Sequence[str], request: Request, files: Files, view: ViewFlags) -> None:
    """Do every image, show the results, and exit with the code that the failures stand for."""
    refuse_terminal(files.output, formats_of(files))
    inputs = inputs_of(images, files)
    outputs = outputs_of([one.name for one in inputs], images, request, files)
    make_folder(files.output)
    done: list[Done] = []
    failures = Failures()
    with Progress(len(inputs), quiet=view.quiet or view.json) as progress:
        for one, planned in zip(inputs, outputs, strict=True):
            progress.start(one.name)
            try:
                done += do_image(request, open_image(one, files), planned)
            except (ParameterError, UnknownNameError):
                raise  # a word that no image understands
            except (CnnFilterError, MemoryError) as error:
                failures.add(one.name, error)
            progress.advance()
    show_done(done, failures, view, to_stdout=files.output == "-")
    if done and not view.quiet and request.sheet != USUAL and not _has_sheet(done, files):
        write_notes("no contact sheet was made, so what was said about one changed nothing (--stack makes one)")
    if view.open_:
        open_files([path for one in done for path in one.result.outputs])
    chosen = (
        files.output or files.formats or view.numbers or view.preview or view.json or view.quiet or request.zoom > 1
    )
    if not chosen and any(_is_grid(one.result.source) and max(one.result.shape[-2:]) < SMALL for one in done):
        write_notes("maps this small are easier read as numbers (--table, or -f csv; --zoom 20 enlarges)")
    failures.leave()


def _has_sheet(done: Sequence[Done], files: Files) -> bool:
    """Say whether maps were arranged on a sheet: those of several kernels, or of as many channels as no picture has."""
    drawn = any(form not in DUMP_FORMATS for form in formats_of(files))
    many = any(len(one.result.shape) == 3 and one.result.shape[0] not in (1, 3) for one in done)
    return drawn and (files.stack or many)


def run_plain(
    images: Sequence[str], name: str, words: dict[str, Any], stored: StoredFlags, output: OutputFlags,
    pictures: PictureFlags, view: ViewFlags, limits: LimitFlags,
) -> None:  # fmt: skip
    """Do what `pool` and `activate` do: every image, without a kernel; `name` is what the maps are called."""
    options = make_options(**words)
    steps = (plain_step(name, options),)
    request = request_of(options, steps, view, limits, pictures, output=output)
    run(images, request, files_of(stored, limits, output), view)


def show_file(
    name: str, values: str, stored: StoredFlags, pictures: PictureFlags, view: ViewFlags, limits: LimitFlags, *,
    channel: int | None = None, output: str | None = None,
) -> None:  # fmt: skip
    """Do what `show` does: all frames that are asked for, as numbers where they are few, else drawn."""
    files = files_of(stored, limits)
    asked = view.numbers or view.at is not None
    done: list[Done] = []
    small = True
    for one in inputs_of([name], files):
        picture = open_image(one, files, fold=True)
        whole, picture = picture, picture if channel is None else picture.only(channel)
        small = small and picture.height <= SMALL and picture.width <= SMALL
        kept = view._replace(preview=view.preview or not (asked or small), table=True)
        options = make_options(range=values, dtype=_own_type(picture, values))
        steps = (plain_step(stem(one.name), options),)
        done += do_image(request_of(options, steps, kept, limits, pictures), picture, [])
    numbers = asked or (small and not view.preview)
    if output is not None:
        of = (0 if channel is None else channel, whole.channels)
        _write_grid(done, output, name, position(view.at), of)
    show_done(done, [], view._replace(table=numbers, preview=view.preview or not numbers))
    if output is not None and not view.json:
        write(f"wrote {printable(output)}")


def _own_type(picture: Picture, values: str) -> str:
    """Return the type in which the numbers of a picture are shown as they are, none of them rounded."""
    if picture.dtype.itemsize <= 2 or picture.dtype.name == "float32":
        return "float32"
    return "int64" if picture.dtype.kind == "i" and values == "stored" else "float64"


def _write_grid(
    done: Sequence[Done], output: str, name: str, at: tuple[int, int] | None, of: tuple[int, int]
) -> None:  # fmt: skip
    """Draw the numbers of the first map as a picture; `of` is its channel, and how many there are."""
    from cnnfilter.run.grid_page import write_grid

    check_outputs([output], [name])
    write_grid(done[0], output, at, of)


def outputs_of(names: Sequence[str], images: Sequence[str], request: Request, files: Files) -> list[list[Output]]:
    """Return the files that every input is made into, by their names; `images` are what the user typed."""
    steps = [step.name for step in request.steps]
    return plan_outputs(
        names, steps, formats_of(files), files.output, stack=files.stack, also_read=chain(images, files.also_read)
    )  # fmt: skip


def formats_of(files: Files) -> list[str]:
    """Return the formats that are asked for, or that a file's name asks for.

    Raises
    ------
    OutputError
        If a vector is to become a picture.
    """
    default = ["csv"] if files.flatten and not files.formats and not files.output else files.formats
    formats = parse_formats(default, files.output)
    if files.flatten:
        check_vectors(formats)
    return formats


def refuse_terminal(output: str | None, formats: Sequence[str]) -> None:
    """Raise if binary data would go to a terminal, by ``-`` or by the name of its device.

    Raises
    ------
    OutputError
        With the way out.
    """
    if output is None or all(map(_is_text, formats)) or not sys.stdout.isatty():
        return
    try:
        device = output == "-" or os.path.samestat(os.stat(output), os.fstat(1))  # noqa: PTH116 - beside fstat
    except (OSError, ValueError):
        return
    if device:
        kind = next(form for form in formats if not _is_text(form))
        raise OutputError(
            f"standard output is a terminal, and {kind} is binary (pipe it into a program, redirect it, or name a file "
            "with -o)"
        )


def _is_text(form: str) -> bool:
    """Say whether a terminal can show a format."""
    return form in DUMP_FORMATS and DUMP_FORMATS[form].text


def _is_grid(name: str) -> bool:
    """Say whether an input is named as numbers are."""
    return name.partition("#")[0].lower().endswith(tuple(GRID_EXTENSIONS))


def as_resource(error: CnnFilterError | MemoryError) -> CnnFilterError:
    """Return an error as ours: a lack of memory is one of a resource."""
    if isinstance(error, CnnFilterError):
        return error

    return ResourceError(describe(error))


def inputs_of(names: Sequence[str], files: Files) -> list[Input]:
    """Return the inputs that names stand for: each frame of a file is one of its own where all are asked for."""
    found: list[Input] = []
    for name, own in zip(names, called(names), strict=True):
        if is_in_place(name):
            found.append(Input(own, name, files.reading, in_place(name)))
        elif files.reading.frame == ALL:
            found += _frames_of(name, files)
        else:
            found.append(Input(name, name, files.reading))
    return found


def _frames_of(name: str, files: Files) -> list[Input]:
    """Return the frames of a file; what cannot be read, or holds too many, is left to whoever opens it."""
    data = None
    first = files.reading._replace(frame=0)
    limit = memory_limit(files.max_memory)
    try:
        if name == "-":
            data = read_stream(sys.stdin.buffer, max_memory=limit)
        count = count_pictures(name if data is None else data, max_memory=limit)
    except CnnFilterError:
        count = 1
    if count == 1:
        return [Input(name, name, first, data)]
    if count > MOST_FRAMES:
        return [Input(name, name, files.reading, data)]
    stem = "stdin" if name == "-" else name
    return [Input(frame_name(stem, frame), name, first._replace(frame=frame), data) for frame in range(count)]


def open_image(one: Input, files: Files, *, fold: bool = False) -> Picture:
    """Open an input; ``-`` is standard input, and `fold` makes a channel of every map of a dump."""
    limit = memory_limit(files.max_memory)
    piped = one.source == "-"
    source = one.data if one.data is not None else sys.stdin.buffer if piped else one.source
    name = "" if piped and one.name == "-" else one.name
    return open_picture(
        source, name=name, max_pixels=files.max_pixels, max_memory=limit, fold=fold, reading=one.reading
    )


def memory_limit(text: str | None) -> int | None:
    """Return the bytes that a job may take: what was asked for, else half of the machine's memory."""
    if text is not None:
        return parse_bytes(text)
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    except (AttributeError, ValueError, OSError):  # no such question on this system
        return None


def position(text: str | None) -> tuple[int, int] | None:
    """Read ``row,column``."""
    if text is None:
        return None
    if "," not in text:
        raise ParameterError(f"--at takes row,column, got {text!r}")
    return pair(text, "--at", minimum=0)


def report_failure(name: str, error: CnnFilterError) -> None:
    """Say at once what is wrong with an image, naming it."""
    message = describe(error)
    shown = quoted("standard input" if name == "-" else name)
    say(message if message.startswith(("'", shown)) else f"{shown}: {message}")


def show_done(
    done: Sequence[Done],
    failures: Sequence[tuple[str, CnnFilterError]],
    view: ViewFlags,
    *,
    to_stdout: bool = False,
) -> None:
    """Print what the user wants to see; standard output is left alone where the data goes there."""
    results = [one.result for one in done]
    _notes(done, quiet=view.quiet or view.json)
    if view.json:
        stream = sys.stderr if to_stdout else sys.stdout
        stream.write(summary_json(results, [Failure(name, str(error)) for name, error in failures]) + "\n")
        return
    if view.quiet and not (view.numbers or view.preview):
        return
    if view.numbers or view.preview:
        from cnnfilter.views.console import console

        out = console(stderr=to_stdout)
        if view.preview and done:
            _print_previews(done, out)
        for one in done if view.numbers else ():
            _print_table(one, view, out)
    if results and not view.quiet:
        write(summary_text(results, width=terminal_width()), stderr=to_stdout)


def _notes(done: Sequence[Done], *, quiet: bool) -> None:
    """Print what the user should know about the inputs and kernels, once each, on standard error."""
    notes = [(one.result.source, note) for one in done if not quiet for note in one.result.notes]
    if notes:
        sys.stderr.write("".join(f"{line}\n" for line in note_lines(notes)))


def _print_previews(done: Sequence[Done], out: Console) -> None:
    """Draw the maps in the terminal, in the colours of their files, side by side as far as they fit."""
    from cnnfilter.views.console import draws_blocks
    from cnnfilter.views.graphics import graphics, print_pictures
    from cnnfilter.views.maps import previews

    color = draws_blocks(out)
    drawn = graphics() if color else None
    named = []
    for one in done:
        if one.maps is None:
            continue
        look = one.look if color else one.look._replace(colormap=None)  # characters show the brightness before it
        tiles = tiles_of(one.maps, look)
        name = printable(one.result.kernel)
        named += [(f"{name} {index}" if len(tiles) > 1 else name, tile) for index, tile in enumerate(tiles)]
    if named and drawn is not None:
        print_pictures(out, named, drawn)
    elif named:
        out.print(previews(named, width=out.width, height=max(8, out.height - 6), color=color), end="")


def _print_table(one: Done, view: ViewFlags, out: Console) -> None:
    """Print the maps as numbers, channel after channel."""
    from cnnfilter.views.maps import number_table

    at = position(view.at)
    values = () if one.maps is None else one.maps.hold()
    for index, channel in enumerate(values):
        label = one.result.kernel if len(values) == 1 else f"{one.result.kernel}, channel {index}"
        out.print(label, style="bold")
        out.print(number_table(channel, at=at, width=out.width, height=max(12, out.height - 6), heat=view.heat))
        out.print()
