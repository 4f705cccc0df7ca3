"""Folders of small pictures, and the program as a process of its own."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cnnfilter.images.write import write_image


def picture(path, seed=0, shape=(3, 24, 30)):
    """Write one small picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)
    write_image(path, values, display="clip")


def tree_of(folder):
    """Return a digest of every file below a folder but the run's own notes."""
    return {
        os.fsencode(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(Path(folder).rglob("*"))
        if path.is_file() and ".cnnfilter" not in path.relative_to(folder).parts
    }


def words_of(*words):
    """Return the command line of the program."""
    return [sys.executable, "-m", "cnnfilter", "batch", *map(os.fspath, words)]


def batch(*words, timeout=120, **more):
    """Run the program to its end."""
    return subprocess.run(words_of(*words), capture_output=True, text=True, timeout=timeout, check=False, **more)


@pytest.fixture
def photos(tmp_path):
    """Return a folder with twelve pictures in a tree."""
    folder = tmp_path / "in"
    for index in range(12):
        picture(folder / ("sub/deep" if index % 3 == 0 else "") / f"p{index:02}.png", index)
    return folder


@pytest.fixture
def run():
    """Return what runs the program."""
    return batch


@pytest.fixture
def command():
    """Return what builds a command line."""
    return words_of


@pytest.fixture
def tree():
    """Return what digests a folder."""
    return tree_of


@pytest.fixture
def paint():
    """Return what writes a picture."""
    return picture
