"""What the README's generated parts call: run the program, and put what it prints into the page."""

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import cog

ROOT = Path(__file__).resolve().parents[1]


def run(command: str) -> None:
    """Run ``cnnfilter COMMAND`` on copies of the samples, and write command and output as a console block."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "samples").symlink_to(ROOT / "samples")
        environment = os.environ | {"COLUMNS": "110", "NO_COLOR": "1", "TERM": "dumb"}
        done = subprocess.run(
            [sys.executable, "-m", "cnnfilter", *shlex.split(command)],
            cwd=folder, env=environment, capture_output=True, text=True, check=True,
        )  # fmt: skip
    lines = [line.rstrip().replace(f"{ROOT}/", "") for line in done.stdout.splitlines()]
    cog.outl("\n```console")
    cog.outl(f"$ cnnfilter {command}")
    cog.outl("\n".join(lines).strip("\n"))
    cog.outl("```\n")
