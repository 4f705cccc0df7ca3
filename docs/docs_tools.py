"""What the README's generated parts call: run the program, and put what it prints into the page."""

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import cog

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


def run(command: str) -> None:
    """Run ``cnnfilter COMMAND`` on copies of the samples, and write command and output as a console block."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "samples").symlink_to(ROOT / "samples")
        environment = os.environ | {"COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"}
        done = subprocess.run(
            [sys.executable, "-m", "cnnfilter", *shlex.split(command)],
            cwd=folder, env=environment, capture_output=True, text=True, check=True,
        )  # fmt: skip
    lines = [line.rstrip().replace(f"{ROOT}/", "") for line in done.stdout.splitlines()]
    cog.outl("\n```console")
    cog.outl(f"$ cnnfilter {command}")
    cog.outl("\n".join(lines).strip("\n"))
    cog.outl("```\n")


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
