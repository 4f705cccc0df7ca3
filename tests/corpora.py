"""Where the corpora of real files lie; a test that needs them skips, saying so, where they are absent."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def corpus(name):
    """Return the folder of one corpus, or skip the test."""
    folder = Path(os.environ.get("CNNFILTER_CORPORA", ROOT.parent / "shared" / "corpora")) / name
    if not folder.is_dir():
        pytest.skip(f"no corpus {name} at {folder} (set CNNFILTER_CORPORA)")
    return folder
