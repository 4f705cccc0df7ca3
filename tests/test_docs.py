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


def test_every_picture_is_there():
    for name in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README):
        assert (ROOT / name).is_file(), name


def test_the_examples_in_python_run():
    failed, tried = doctest.testfile(str(ROOT / "README.md"), module_relative=False)
    assert tried > 3
    assert failed == 0


def test_every_command_has_help(cnnfilter_run):
    for command in COMMANDS:
        done = cnnfilter_run(command, "--help")
        assert done.code == 0
        assert "Usage: cnnfilter " + command in done.out
