"""The search path, what is on it, and what hides what."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from cnnfilter.errors import KernelFileError, UnknownNameError
from cnnfilter.library import catalog, list_kernels, load_kernel, load_kernels, search_path
from cnnfilter.library.catalog import entries, find, shipped_folder


@pytest.fixture(autouse=True)
def _no_folders_of_the_user(monkeypatch, tmp_path):
    monkeypatch.delenv("CNNFILTER_KERNELS", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def folder(path, **files):
    """Make a kernel folder; ``edge_yaml="..."`` becomes the file edge.yaml."""
    path.mkdir(parents=True)
    for name, text in files.items():
        stem, _, suffix = name.rpartition("_")
        (path / f"{stem}.{suffix}").write_text(text)
    return path


def test_order_of_the_search_path(tmp_path, monkeypatch):
    first, second, third = (folder(tmp_path / name) for name in ("first", "second", "third"))
    user = folder(tmp_path / "config" / "cnnfilter" / "kernels")
    monkeypatch.setenv("CNNFILTER_KERNELS", f"{second}{os.pathsep}{os.pathsep}{third}")
    assert search_path([first]) == [first, second, third, user, shipped_folder()]


def test_a_folder_named_twice_is_searched_once(tmp_path):
    mine = folder(tmp_path / "mine")
    assert search_path([mine, shipped_folder(), mine]) == [mine, shipped_folder()]


def test_without_folders_of_the_user_only_the_shipped_one_is_searched():
    assert search_path() == [shipped_folder()]


@pytest.mark.parametrize("variable", [False, True])
def test_a_named_folder_must_exist(tmp_path, monkeypatch, variable):
    missing = tmp_path / "missing"
    if variable:
        monkeypatch.setenv("CNNFILTER_KERNELS", str(missing))
    with pytest.raises(KernelFileError, match="no such kernel folder"):
        search_path([] if variable else [missing])


def test_the_first_folder_wins_and_the_hidden_one_is_remembered(tmp_path):
    mine = folder(tmp_path / "mine", own_yaml="kernels:\n  Sobel_X: 1 2 3\n  extra: '4'\n")
    search = [mine, shipped_folder()]
    assert load_kernel("sobel-x", search=search).weights.tolist() == [[1, 2, 3]]
    assert load_kernel("sobel-x", search=search).origin == str(mine / "own.yaml")
    found = [entry for entry in entries(search) if entry.name == "sobel-x"]
    assert [(entry.path, entry.hidden_by) for entry in found] == [
        (str(mine / "own.yaml"), ""),
        (str(shipped_folder() / "gradients.json"), str(mine / "own.yaml")),
    ]
    assert found[0].line == 2
    assert list_kernels(search=search).count("sobel-x") == 1
    assert list_kernels(search=[mine]) == ["extra", "sobel-x"]


def test_within_a_folder_the_first_file_wins_and_names_win_over_aliases(tmp_path):
    mine = folder(
        tmp_path / "mine",
        a_yaml="kernels:\n  x: {matrix: '1', aliases: [y, z]}\n",
        b_yaml="kernels:\n  x: '2'\n  y: '3'\n",
    )
    assert [load_kernel(name, search=[mine]).weights.item() for name in "xyz"] == [1, 3, 1]
    assert [entry.hidden_by for entry in entries([mine]) if entry.name == "x"] == ["", str(mine / "a.yaml")]


def test_an_alias_in_an_earlier_folder_wins_over_a_name_in_a_later_one(tmp_path):
    mine = folder(tmp_path / "mine", a_yaml="kernels:\n  mine: {matrix: '7', aliases: [box]}\n")
    assert load_kernel("box", search=[mine, shipped_folder()]).name == "mine"


@pytest.mark.parametrize("name", ["sobel-x", "SOBEL-X", "Sobel_x", " sobel-x "])
def test_case_and_underscores_make_no_difference(name):
    assert find(name, "kernel", [shipped_folder()]).name == "sobel-x"


def test_only_files_that_mention_a_name_are_read(tmp_path):
    mine = folder(tmp_path / "mine", broken_yaml="kernels: [", fine_yaml="kernels:\n  fine: '1'\n")
    assert load_kernel("fine", search=[mine]).weights.item() == 1
    with pytest.raises(KernelFileError, match=r"broken\.yaml:2: not YAML"):
        load_kernel("unheard-of", search=[mine])


def test_a_name_that_is_escaped_in_its_file_is_found(tmp_path):
    mine = folder(tmp_path / "mine", a_json='{"kernels": {"\\u0065dge": "5"}}', b_yaml='kernels: {"\\x66ine": "6"}')
    assert load_kernel("edge", search=[mine]).weights.item() == 5
    assert load_kernel("fine", search=[mine]).weights.item() == 6


def test_broken_files_are_passed_over_in_lists_and_reported_on_request(tmp_path):
    mine = folder(
        tmp_path / "mine",
        broken_yaml="kernels: [",
        bad_json='{"kernels": {"a": [[1, "x"]]}}',
        ok_yml="kernels: {b: '1'}",
    )
    problems = []
    assert [entry.name for entry in entries([mine], problems)] == ["b"]
    assert len(problems) == 2
    assert list_kernels(search=[mine]) == ["b"]


def test_what_is_no_kernel_file_is_left_alone(tmp_path):
    mine = folder(tmp_path / "mine", notes_txt="x", schema_json="{", edge_yaml="1 2 3")
    (mine / "folder.yaml").mkdir()
    os.mkfifo(mine / "pipe.yaml")
    assert list_kernels(search=[mine]) == ["edge"]
    assert load_kernel("edge", search=[mine]).weights.tolist() == [[1, 2, 3]]


def test_a_changed_file_is_read_again(tmp_path):
    mine = folder(tmp_path / "mine", a_yaml="kernels: {x: '1'}")
    assert load_kernel("x", search=[mine]).weights.item() == 1
    (mine / "a.yaml").write_text("kernels: {x: '2'}")
    assert load_kernel("x", search=[mine]).weights.item() == 2


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("sobelx", "unknown kernel 'sobelx' (did you mean sobel-x or sobel"),
        ("bank:law-5", "unknown bank 'law-5' (did you mean laws-5"),
        ("gabor-8", "'gabor-8' is a bank, not a kernel (write bank:gabor-8)"),
        ("bank:sobel-x", "'sobel-x' is a kernel, not a bank (write sobel-x)"),
        ("qqqqqq", "unknown kernel 'qqqqqq' (cnnfilter kernels list shows all)"),
    ],
)
def test_unknown_names(spec, message):
    with pytest.raises(UnknownNameError) as caught:
        load_kernels(spec)
    assert str(caught.value).startswith(message)


def test_listing_needs_no_numpy_and_no_msgspec():
    code = (
        "import sys; from cnnfilter.library import list_kernels; assert len(list_kernels()) > 200;"
        "from cnnfilter.library import spec; spec.parse_spec('gabor:theta=0..90/45');"
        "print(sorted({'numpy', 'msgspec', 'PIL', 'typer', 'rich', 'platformdirs'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=shipped_folder().parent
    )
    assert done.stdout.strip() == "[]"


def test_json_kernels_need_no_yaml():
    code = (
        "import sys; from cnnfilter.library import load_kernels;"
        "load_kernels('sobel-x'); load_kernels('gaussian:sigma=2');"
        "print(sorted({'yaml', 'msgspec'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=shipped_folder().parent
    )
    assert done.stdout.strip() == "[]"


def test_the_users_folder_follows_each_system(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative/is/ignored")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert catalog.user_folder() == tmp_path / ".config" / "cnnfilter" / "kernels"
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    assert catalog.user_folder().parts[-2:] == ("cnnfilter", "kernels")
