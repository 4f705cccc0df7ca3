"""Measure every row of the speed table side by side: ``python tests/benchmarks/run.py --help``."""

import argparse
import datetime
import importlib.metadata
import os
import platform
import re
import sys
from pathlib import Path

for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")  # what our threads ask of BLAS anyway; PyTorch keeps its own

import arrays  # noqa: E402
import commands  # noqa: E402
from measure import Row, commands_in_turns, in_turns  # noqa: E402

PACKAGES = ("numpy", "opencv-python-headless", "torch", "scipy", "pillow", "isal")


def main() -> None:
    """Parse the arguments, measure, print, and write the table where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a second a row, not three")
    parser.add_argument("--only", default="", metavar="PATTERN", help="rows whose work or peer matches")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table there too")
    options = parser.parse_args()
    rows = []
    for row in measured(re.compile(options.only, re.I), options.quick):
        print(row.line(), flush=True)
        rows.append(row)
    if options.markdown:
        options.markdown.write_text(markdown(rows, options.quick))


def measured(pattern: re.Pattern, quick: bool):
    """Yield the rows that match."""
    seconds = 1.0 if quick else 3.0
    for case in arrays.cases(12):
        if not pattern.search(f"{case.work} {case.peer} {case.threads}"):
            continue
        if case.threads > (os.cpu_count() or 1):
            yield Row(case.work, case.peer, case.threads, case.target, skipped="not so many cores")
            continue
        try:
            ours, theirs = case.make(case.threads)
        except ImportError as error:
            yield Row(case.work, case.peer, case.threads, case.target, skipped=f"no {error.name} here")
            continue
        times = in_turns(ours, theirs, case.threads, seconds)
        yield Row(case.work, case.peer, case.threads, case.target, *times)
    with commands.pictures(12) as folder:
        for command in commands.cases(folder):
            if not pattern.search(f"{command.work} {command.peer}"):
                continue
            row = (command.work, command.peer, os.cpu_count() or 1, command.target)
            if command.missing:
                yield Row(*row, skipped=command.missing)
            else:
                yield Row(*row, *commands_in_turns(command.ours, command.theirs, seconds * 2, str(folder / "cache")))


def markdown(rows: list[Row], quick: bool) -> str:
    """Return the rows as a page."""
    lines = [
        "# Speed",
        "",
        "Our time divided by a peer's: below 1 is faster. Both run in turns in one process, the best of many counts;",
        "whole commands are run in turns too, and their medians count. With one thread the time is the",
        "processor's, with more the clock's. `target` is what the project set itself.",
        "",
        f"{datetime.datetime.now(datetime.UTC):%d %B %Y}. {machine()}.",
        f"{versions()}.{' A quick run.' if quick else ''}",
        "",
        "| work | peer | threads | ours, ms | peer, ms | ratio | target |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        head = f"| {row.work} | {row.peer} | {row.threads} |"
        if row.skipped:
            lines.append(f"{head} | | {row.skipped} | {row.target:g} |")
        else:
            bold = "**" if row.ratio <= row.target else ""
            times = f"{row.ours * 1e3:.3g} | {row.theirs * 1e3:.3g}"
            lines.append(f"{head} {times} | {bold}{row.ratio:.2f}{bold} | {row.target:g} |")
    return "\n".join([*lines, "", "Made by `python tests/benchmarks/run.py --markdown docs/speed.md`.", ""])


def machine() -> str:
    """Return the processor and what can be said of it."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists() and (found := re.search(r"model name\s*: (.*)", info.read_text())):
        name = found[1]
    load = f", load {os.getloadavg()[1]:.1f} at the end" if hasattr(os, "getloadavg") else ""
    return f"{name}, {os.cpu_count()} cores, {platform.system()}{load}"


def versions() -> str:
    """Return Python and the packages, with their versions."""
    found = [f"Python {platform.python_version()}"]
    for package in PACKAGES:
        try:
            found.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return ", ".join(found + commands.versions())


if __name__ == "__main__":
    sys.exit(main())
