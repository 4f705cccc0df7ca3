"""Fixtures that several test files share."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import settings

# The same examples every time, and no clock: a red test is red for everybody.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.load_profile("steady")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def samples():
    """The folder of the shipped samples."""
    return ROOT / "samples"


@pytest.fixture
def cnnfilter_run(tmp_path):
    """Run the program in an empty folder: ``cnnfilter_run("convolve", ...)`` gives code, out and err."""

    def run(*words, stdin=None, env=None, cwd=None):
        environment = os.environ | {"NO_COLOR": "1", "COLUMNS": "100"} | (env or {})
        environment.pop("CNNFILTER_KERNELS", None) if env is None else None
        done = subprocess.run(
            [sys.executable, "-m", "cnnfilter", *map(str, words)],
            cwd=cwd or tmp_path, env=environment, input=stdin, capture_output=True, timeout=120, check=False,
        )  # fmt: skip
        return SimpleNamespace(
            code=done.returncode,
            out=done.stdout.decode(errors="surrogateescape"),
            err=done.stderr.decode(),
            raw=done.stdout,
        )

    return run
