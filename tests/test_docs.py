"""The documents say what the program has: every command, and nothing that is gone."""

import doctest
import re
from pathlib import Path

import pytest

from cnnfilter.cli.main import COMMANDS

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_in_the_readme(command):
    assert f"cnnfilter {command}" in README


@pytest.mark.parametrize(
    "page", ["README.md", "docs/lecture.md", "docs/exercises.md", "docs/gallery.md", "docs/architecture.md"]
)
def test_every_picture_is_there(page):
    path = ROOT / page
    for name in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", path.read_text()):
        assert (path.parent / name).is_file(), name


@pytest.mark.parametrize(("page", "least"), [("README.md", 4), ("docs/lecture.md", 5), ("docs/exercises-key.md", 4)])
def test_the_examples_in_python_run(page, least):
    failed, tried = doctest.testfile(str(ROOT / page), module_relative=False)
    assert tried >= least
    assert failed == 0


def test_every_command_has_help(cnnfilter_run):
    for command in COMMANDS:
        done = cnnfilter_run(command, "--help")
        assert done.code == 0
        assert "Usage: cnnfilter " + command in done.out
