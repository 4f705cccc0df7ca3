"""The direction of imports, and what must not be imported: read from the source, not from a promise."""

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import cnnfilter
from cnnfilter.images import write_image

PACKAGE = Path(cnnfilter.__file__).parent

#: What each part may import of the others.
MAY_IMPORT = {
    "errors": set(),
    "core": {"errors"},
    "text": set(),
    "files": {"errors", "text"},
    "streams": set(),
    "library": {"core", "dumps", "errors", "files", "images", "text"},
    "dumps": {"errors", "files", "text"},
    "images": {"core", "dumps", "errors", "files", "text"},
    "networks": {"core", "errors", "files", "images", "library", "text"},
    "run": {"core", "dumps", "errors", "files", "images", "library", "networks", "text"},
    "batch": {"core", "dumps", "errors", "files", "images", "run", "library", "networks", "text"},
    "views": {"batch", "core", "dumps", "errors", "files", "images", "run", "library", "networks", "text"},
    "cli": {"batch", "core", "dumps", "errors", "files", "images", "run", "library", "networks", "views", "text"},
    "api": {"core", "errors", "library"},
}

#: Packages that only one part may import.
ONLY_IN = {
    "typer": {"cli"},
    "rich": {"views", "cli"},
    "PIL": {"images"},
    "isal": {"images"},
    "cmap": {"images"},
}


def part_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports_of(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module


SOURCES = sorted(path for path in PACKAGE.rglob("*.py") if part_of(path) not in ("__init__", "__main__"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_one_way(path):
    part = part_of(path)
    for name in imports_of(path):
        pieces = name.split(".")
        if pieces[0] == "cnnfilter" and len(pieces) > 1:
            assert pieces[1] in MAY_IMPORT[part] | {part}, f"{part} must not import {name}"
        if pieces[0] in ONLY_IN:
            assert part in ONLY_IN[pieces[0]], f"{part} must not import {name}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_hold_one_idea(path):
    assert len(path.read_text().splitlines()) <= 440


def reasons_for_a_dataclass(node):
    """What a NamedTuple cannot do: change, be compared by identity, check itself, cache, have tuple's names."""
    (decorator,) = node.decorator_list
    words = ast.unparse(decorator)
    names = {part.name for part in node.body if isinstance(part, ast.FunctionDef)}
    fields = {part.target.id for part in node.body if isinstance(part, ast.AnnAssign)}
    yield "frozen=True" not in words or "eq=False" in words
    yield "__post_init__" in names or "cached_property" in ast.unparse(node)
    yield fields & {"count", "index"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_plain_records_are_named_tuples(path):
    """A frozen dataclass takes four times as long to set up, and dozens are before the program does anything."""
    if part_of(path) == "batch":
        return
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ClassDef) and "dataclass" in "".join(map(ast.unparse, node.decorator_list)):
            assert any(reasons_for_a_dataclass(node)), f"{node.name} can be a NamedTuple"


def loaded_after(code):
    """Names of the modules that are loaded after a fresh interpreter ran `code`."""
    script = f"import sys\ntry:\n    {code}\nexcept SystemExit:\n    pass\nprint(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["convolve", "--help"], ["kernels", "list"]])
def test_numpy_is_not_imported_for_words_alone(words):
    loaded = loaded_after(f"from cnnfilter.cli import main; main({words!r})")
    assert "numpy" not in loaded
    assert "PIL" not in loaded


#: What one kernel on one PNG needs nothing of: rooms of the house, and packages that take milliseconds to load.
NOT_FOR_A_PNG = {
    "cnnfilter.batch", "cnnfilter.networks", "cnnfilter.images.gif", "cnnfilter.images.tiff",
    "PIL.JpegImagePlugin", "PIL.TiffImagePlugin", "PIL.ImageDraw", "cmap", "msgspec", "orjson", "rich", "yaml",
    "asyncio", "concurrent", "multiprocessing", "sqlite3", "numpy.fft", "numpy.random", "random", "tempfile",
}  # fmt: skip


def test_the_version_needs_no_command():
    assert "cnnfilter.cli.flags" not in loaded_after("from cnnfilter.cli import main; main(['--version'])")


def test_a_png_loads_nothing_that_it_does_not_need(tmp_path):
    source, target = tmp_path / "a.png", tmp_path / "b.png"
    write_image(source, np.zeros((8, 9), np.uint8))
    words = ["convolve", str(source), "-k", "sobel-x", "-o", str(target), "--quiet"]
    loaded = loaded_after(f"from cnnfilter.cli import main; main({words!r})")
    assert target.exists()
    assert not {name for name in NOT_FOR_A_PNG if name in loaded}


def test_nothing_is_searched_for_cycles_at_exit():
    code = "import atexit, gc; atexit.register(lambda: print(gc.get_freeze_count()))"
    script = f"{code}\nfrom cnnfilter.cli import main; main(['--version'])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert int(done.stdout.split()[-1]) > 10_000


def test_importing_the_package_costs_nothing():
    assert not {"numpy", "PIL", "typer", "rich", "yaml"} & loaded_after("import cnnfilter")


def test_scipy_is_never_needed():
    loaded = loaded_after("import cnnfilter; cnnfilter.conv2d([[1.0, 2.0]], [[1.0]])")
    assert not {"scipy", "cv2", "torch"} & loaded


def test_all_is_true():
    for name in cnnfilter.__all__:
        assert getattr(cnnfilter, name) is not None
    assert set(cnnfilter.__all__) == {*cnnfilter._HOMES, "__version__"}
    assert dir(cnnfilter) == sorted(cnnfilter.__all__)
