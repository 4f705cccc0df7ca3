"""The program: its commands, and the one place where an error becomes a line and an exit code."""

import contextlib
import errno
import gc
import importlib
import os
import re
import signal
import sys
import warnings
from enum import IntEnum
from typing import Annotated, NoReturn

import typer

from cnnfilter import __version__, errors
from cnnfilter.core.blas import begin_in_one_thread

#: Each command, the module that holds it, and its function or its group of commands.
COMMANDS = {
    "convolve": "convolve",
    "pool": "pool",
    "activate": "activate",
    "explain": "explain",
    "compare": "compare",
    "learn": "learn",
    "train": "train",
    "run": "run",
    "export": "export",
    "report": "report",
    "show": "show",
    "plan": "plan",
    "batch": "batch",
    "kernels": "app",
    "colormaps": "colormaps",
}


#: Most characters of an error's line: longer ones are cut in the middle.
LONGEST_LINE = 1200

#: Numbers in place of which the first is negative, and which are no option for that.
NEGATIVE = r"-[0-9.][-+0-9.eE/]*[\s,;][-+0-9.eE/,;\s]*"
#: Bytes of address space that NumPy, its libraries and a small picture take.
ADDRESS_SPACE = 256_000_000

#: What asks for the version, which needs no command, and what asks for help.
VERSION, HELP = ("--version", "-V"), ("-h", "--help")


class ExitCode(IntEnum):
    """What the program ends with."""

    DONE = 0
    BUG = 1
    USAGE = 2
    SOME_FAILED = 3
    RESOURCE = 4
    INTERRUPTED = 130
    CLOSED_PIPE = 141
    TERMINATED = 143


#: The first class that an error belongs to decides.
EXIT_CODES: dict[type[Exception], ExitCode] = {
    errors.ImageError: ExitCode.SOME_FAILED,
    errors.ResourceError: ExitCode.RESOURCE,
    errors.CnnFilterError: ExitCode.USAGE,
    MemoryError: ExitCode.RESOURCE,
    typer.TyperException: ExitCode.USAGE,
}


def _version(wanted: bool) -> None:
    """Print the version and stop."""
    if wanted:
        typer.echo(f"cnnfilter {__version__}")
        raise typer.Exit


def root(
    version: Annotated[
        bool, typer.Option(*VERSION, callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Filter images, and see what the first layers of a convolutional network see."""


def build_app(command: str = "") -> typer.Typer:
    """Return the program with one command, with none for its version, else with all of them.

    Setting up a command and its flags takes longer than many a job; the others are left out, and so are the flags
    where help lists the commands.
    """
    app = typer.Typer(
        name="cnnfilter",
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": list(HELP)},
    )
    app.callback()(root)
    for name in [command] if command in COMMANDS else () if command in VERSION else COMMANDS:
        part = getattr(importlib.import_module(f"cnnfilter.cli.{name}"), COMMANDS[name])
        if isinstance(part, typer.Typer):
            app.add_typer(part, name=name)
        else:
            app.command(name, help=part.__doc__)(_listed if command in HELP else part)
    return app


def _listed() -> None:
    """Stand for a command whose name and purpose are all that is shown."""


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the program and exit.

    Parameters
    ----------
    arguments
        Words after the program's name; those of the process unless given.
    """
    begin_in_one_thread()
    gc.set_threshold(100_000)  # what is imported lives to the end: looking through it cost 8 % of the start-up
    words = sys.argv[1:] if arguments is None else arguments
    if "--debug" not in words:  # what a library has to say, with a line of its source, is for who works on it
        warnings.simplefilter("ignore")
        os.environ.setdefault("PYTHONWARNINGS", "ignore")  # and so in the processes of a batch
    signal.signal(signal.SIGTERM, _terminate)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, _terminate)
    try:
        code = _run(words)
        sys.stdout.flush()
    except BrokenPipeError:
        _flush_nothing_more()
        code = ExitCode.CLOSED_PIPE
    except (KeyboardInterrupt, typer.Abort):
        code = ExitCode.INTERRUPTED
    except Exception as error:
        if "--debug" in words:
            raise
        code = report(error)
    if code == ExitCode.INTERRUPTED:
        sys.stderr.write("cnnfilter: interrupted\n")
    gc.freeze()  # at exit Python would search all that was imported for cycles, though its memory is given back anyway
    sys.exit(code)


def _check_address_space(words: list[str]) -> None:
    """Refuse to start where NumPy's libraries could not be loaded: they would say so themselves, and end the program.

    Raises
    ------
    ResourceError
        If the process may take less address space than they do.
    """
    if not words or words[0] not in COMMANDS or not set(words).isdisjoint(HELP):
        return
    with contextlib.suppress(ImportError):  # no such bounds on this system
        import resource

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        if 0 <= limit < ADDRESS_SPACE:
            raise errors.ResourceError(
                f"this process may take {limit // 10**6} MB of address space, and needs {ADDRESS_SPACE // 10**6} "
                "to begin (ulimit -v raises it)"
            )


def _run(words: list[str]) -> int:
    """Run one command; return its exit code."""
    words = [f" {word}" if word[:1] == "-" and re.fullmatch(NEGATIVE, word) else word for word in words]
    _check_command(words, list(COMMANDS))
    _check_address_space(words)
    app = build_app(words[0] if words else "")
    for group in app.registered_groups:
        names = [str(one.name) for one in group.typer_instance.registered_commands] if group.typer_instance else []
        if words and words[0] == group.name:
            _check_command(words[1:], names, f"{group.name} ")
    if len(words) < 2 and (not words or COMMANDS.get(words[0]) == "app"):
        words = [*words, "--help"]  # a program or group alone: say what there is
    try:
        result = app(words, prog_name="cnnfilter", standalone_mode=False)
    except SystemExit as leave:
        if isinstance(leave.__context__, BrokenPipeError):  # Typer would end with 1
            raise leave.__context__ from None
        raise
    return result if isinstance(result, int) else ExitCode.DONE


def _check_command(words: list[str], commands: list[str], group: str = "") -> None:
    """Raise where the first word is no command; a flag is not looked at."""
    if words and not words[0].startswith("-") and words[0] not in commands:
        from cnnfilter.cli.mistakes import unknown_command

        raise unknown_command(words[0], commands, group)


def _flush_nothing_more() -> None:
    """Send what standard output still holds nowhere: the interpreter's own try at the end would fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _terminate(number: int, _: object) -> NoReturn:
    """Leave as at Ctrl-C, so that unfinished files are swept, but with the signal's own code; a second one kills."""
    signal.signal(number, signal.SIG_DFL)
    raise SystemExit(128 + number)


def report(error: Exception) -> ExitCode:
    """Print an error as one line on standard error; return the exit code that it stands for."""
    for kind, code in EXIT_CODES.items():
        if isinstance(error, kind):
            say(describe(error))
            return code
    if isinstance(error, RuntimeError) and "start new thread" in str(error):
        say("no memory for another thread (--threads 1 takes less; or close some programs)")
        return ExitCode.RESOURCE
    if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
        say(f"{error.filename!r}: the name is too long (choose a shorter one)")
        return ExitCode.USAGE
    if isinstance(error, OSError):
        _flush_nothing_more()
        where = repr(error.filename or "standard output")
        say(f"{where}: {error.strerror or error} (a problem of the system, not of the input)")
        return ExitCode.RESOURCE
    say(f"{type(error).__name__}: {error} (this is a bug: run again with --debug and report what it prints)")
    return ExitCode.BUG


def describe(error: Exception) -> str:
    """Return what an error says, in one line."""
    if isinstance(error, errors.KernelFileError):
        from cnnfilter.files import quoted

        return f"{quoted(error.where)}: {error.what}"
    if isinstance(error, MemoryError):
        return f"out of memory{f': {error}' * bool(str(error))} (--max-memory bounds what a job may take)"
    if isinstance(error, typer.TyperException) and hasattr(error, "format_message"):
        message = error.format_message()
        if re.match(r"No such option: -[0-9.]", message):
            return f"{message} (a matrix needs quotes: -k '-1 0 1; -2 0 2')"
        return _in_our_words(message)
    return str(error)


def _in_our_words(message: str) -> str:
    """Return what the library of the command line says of a word as every other message says it.

    Examples
    --------
    >>> _in_our_words("Invalid value for '--zoom': 0 is not in the range x>=1.")
    '--zoom must be at least 1, got 0'
    >>> _in_our_words("Invalid value for '--jobs' / '-j': 'x' is not a valid int.")
    "--jobs takes a whole number, got 'x'"
    >>> _in_our_words("No such option: --flipp (Possible options: --flip, --no-flip)")
    'No such option: --flipp (did you mean --flip or --no-flip?)'
    """
    value = re.match(
        r"Invalid value for '(--?[-\w]+)'[^:]*: (.+) is not (?:a valid|in the range) (.+)\.$", message, re.S
    )
    if value:
        flag, got, wanted = value.groups()
        kind = "a number" if "float" in wanted else "a whole number"
        return (
            f"{flag} must be at least {wanted[3:]}, got {got}"
            if wanted[:3] == "x>="
            else f"{flag} takes {kind}, got {got}"
        )
    near = re.match(r"(No such option: --?(\S+)) \(Possible options: (.+)\)$", message, re.S)
    if near:
        said, word, options = near.groups()
        meant = f"-{word}" if len(word) == 1 else options.replace(", ", " or ")
        return f"{said} (did you mean {meant}?)"
    return f"{message.removesuffix('.')} (--help shows all options)"


def shortened(line: str) -> str:
    """Return a line whose quoted words, and which as a whole, are no longer than anybody reads.

    Examples
    --------
    >>> shortened("unknown tool '" + 5000 * "x" + "' (known: torch)")
    "unknown tool 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...xxxxxxxxxxxxxxxxxxxx' (known: torch)"
    """
    line = re.sub(r"'([^']{50})[^']{400,}([^']{20})'", r"'\1...\2'", line)
    return line if len(line) <= LONGEST_LINE else f"{line[: LONGEST_LINE - 200]} ... {line[-195:]}"


def say(message: str) -> None:
    """Print one line on standard error, whatever the message holds."""
    from cnnfilter.files import printable

    line = shortened(" ".join(printable(part) for part in message.splitlines()))
    with contextlib.suppress(OSError):  # the exit code says it too
        sys.stderr.write(f"cnnfilter: error: {line}\n")
