"""docs/kernels.md says what the library has; docs/make_kernels.py writes it."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "kernels.md").read_text()


@pytest.fixture(scope="module")
def make_kernels():
    spec = importlib.util.spec_from_file_location("make_kernels", ROOT / "docs" / "make_kernels.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_up_to_date(make_kernels):
    assert make_kernels.page() == PAGE, "run: python docs/make_kernels.py"


def test_every_picture_is_there_and_all_are_small():
    named = set(re.findall(r"\]\((kernels/[^)]+)\)", PAGE))
    files = {f"kernels/{path.name}" for path in (ROOT / "docs" / "kernels").iterdir()}
    assert named == files
    assert sum((ROOT / "docs" / name).stat().st_size for name in files) < 1_500_000


def test_pictures_are_drawn(make_kernels):
    sheet = make_kernels.family_sheet(["sobel-x", "gaussian", "luma-601"])
    assert sheet.shape[2] == 3
    assert sheet.std() > 20
    assert make_kernels.bank_sheet(["kirsch"]).shape[1] == 806
