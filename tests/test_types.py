"""What a type checker says about code that uses the package."""

import subprocess
import sys

import pytest

pytest.importorskip("mypy")

USE = """
import cnnfilter
import numpy as np

maps = cnnfilter.conv2d(np.ones((8, 9)), "sobel-x", stride=2, padding=(1, 1))
maps = cnnfilter.conv2d(image=[[1.0]], kernel=cnnfilter.load_kernel("box:size=1"))
reveal_type(maps)
reveal_type(cnnfilter.list_kernels())
reveal_type(cnnfilter.pool2d(maps, "max", 2))
cnnfilter.typo
cnnfilter.conv2d(maps, "sobel-x", strides=2)
cnnfilter.pool2d(maps, "max")
"""


def test_what_is_misspelt_is_found_and_what_is_right_is_not(tmp_path):
    program = tmp_path / "use.py"
    program.write_text(USE)
    flags = ["--strict", f"--cache-dir={tmp_path / 'cache'}", "--config-file="]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *flags, str(program)], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    found = [line.split(": ", 1)[1] for line in done.stdout.splitlines() if line.startswith("use.py:")]
    errors = [line for line in found if line.startswith("error")]
    assert len(errors) == 3, done.stdout
    assert 'Module has no attribute "typo"' in errors[0]
    assert 'Unexpected keyword argument "strides"' in errors[1]
    assert 'Missing positional argument "size"' in errors[2]
    types = [line for line in found if line.startswith("note: Revealed")]
    assert ["ndarray" in line or "list[str]" in line for line in types] == [True] * 3, done.stdout
