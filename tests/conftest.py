"""Fixtures that several test files share."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import settings

# The same examples every time, and no clock: a red test is red for everybody.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.load_profile("steady")

ROOT = Path(__file__).resolve().parents[1]


def pytest_addoption(parser):
    """For .ci/run, which runs the tests in several environments one after the other."""
    parser.addoption("--cases", type=int, metavar="N", help="the first N cases of each test function alone")
    parser.addoption("--passed", type=Path, metavar="FILE", help="leave out what FILE lists; list there what passes")


def pytest_collection_modifyitems(config, items):
    """Leave out what the options say."""
    most, listed = config.getoption("cases"), config.getoption("passed")
    passed = set(listed.read_text().splitlines()) if listed and listed.exists() else set()
    counts = Counter()
    kept, left = [], []
    for item in items:
        function = (item.location[0], getattr(item, "originalname", item.name), item.parent.name)
        counts[function] += 1
        fewer = most is not None and counts[function] > most
        (left if fewer or item.nodeid in passed else kept).append(item)
    items[:] = kept
    config.hook.pytest_deselected(items=left)


def pytest_configure(config):
    """Write down what passes, in the process that all reports come to."""
    if config.getoption("passed") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Passed(config.getoption("passed")))


class _Passed:
    """Lists the tests that pass."""

    def __init__(self, path):
        self.path, self.names = path, []

    def pytest_runtest_logreport(self, report):
        if report.when == "call" and report.passed:
            self.names.append(report.nodeid)

    def pytest_sessionfinish(self):
        with self.path.open("a") as file:
            file.writelines(f"{name}\n" for name in self.names)


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
