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

#: What keeps ratios above their targets.
LIMITS = """
## What keeps the rest back

- **Small kernels on float32.** A result that is new memory costs 13 ms for 12 megapixels, and each pass of NumPy over
  the cache 0.1 to 0.4 ns a value; OpenCV's 3x3 takes 2 ns in all, in one pass. Tried, and slower: one product for each
  kernel column with the sums added up, and bands across the columns. Shifted slices would take 17 such passes.
- **11x11 banks and network layers.** They are matrix products, and OpenBLAS reaches about 95 GFLOP/s on this processor
  where oneDNN reaches 110 to 135. Columns are copied once for each kernel column on top of that.
- **31x31 against oaconvolve.** Nine tenths of the time are NumPy's transforms, which take 14 ns a value whatever the
  length.
- **gelu.** A tanh and a polynomial of degree 6 are sixteen passes; PyTorch makes one.
- **PNG to PNG against libvips.** Half of the command is the start of Python, NumPy and Typer.
"""

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
    return "\n".join([*lines, LIMITS, "Made by `python tests/benchmarks/run.py --markdown docs/speed.md`.", ""])


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
