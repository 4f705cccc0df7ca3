"""Where results go: a table of what users type and what comes out."""

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cnnfilter.errors import OutputError, UnknownNameError
from cnnfilter.run.outputs import Endings, Output, make_folder, parse_formats, plan_outputs, stem
from cnnfilter.text import distinct, folded


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()


def names(planned):
    return [[str(output.path) if output.path else "-" for output in one] for one in planned]


@pytest.mark.parametrize(
    ("images", "labels", "formats", "output", "stack", "expected"),
    [
        (["a.png"], ["box"], ["png"], None, False, [["a.box.png"]]),
        (["p/a.png"], ["box", "log"], ["png", "npy"], None, False,
         [["a.box.png", "a.box.npy", "a.log.png", "a.log.npy"]]),
        (["a.png"], ["box"], ["png"], "there", False, [["there/a.box.png"]]),
        (["a.png"], ["box"], ["png"], "new/", False, [["new/a.box.png"]]),
        (["a.png"], ["box"], ["png"], "new", False, [["new/a.box.png"]]),
        (["a.png"], ["box"], ["png"], "b.png", False, [["b.png"]]),
        (["a.png"], ["box", "log"], ["png"], "b.png", True, [["b.png"]]),
        (["a.png"], ["box", "log"], ["npy"], None, True, [["a.stack.npy"]]),
        (["a.png"], ["box"], ["npy"], None, True, [["a.stack.npy"]]),
        (["-"], ["box"], ["png"], None, False, [["stdin.box.png"]]),
        (["a.png"], ["box"], ["png"], "-", False, [["-"]]),
        (["x/a.png", "y/a.jpg", "z/A.png"], ["box"], ["png"], None, False,
         [["a.box.png"], ["a-2.box.png"], ["A-3.box.png"]]),
        (["a.png"], ["../evil", "a/b"], ["png"], None, False, [["a.evil.png", "a.a-b.png"]]),
    ],
)  # fmt: skip
def test_planned_names(images, labels, formats, output, stack, expected):
    assert names(plan_outputs(images, labels, formats, output, stack=stack)) == expected


@pytest.mark.parametrize(
    ("images", "labels", "formats", "output", "words"),
    [
        (["a.png", "b.png"], ["box"], ["png"], "c.png", "2 results cannot all go to 'c.png'"),
        (["a.png"], ["box", "log"], ["png"], "-", "2 results cannot all go to standard output"),
        (["a.png"], ["box"], ["png", "npy"], "c.png", "2 results"),
    ],
)
def test_several_results_for_one_file(images, labels, formats, output, words):
    with pytest.raises(OutputError, match=words):
        plan_outputs(images, labels, formats, output)


def test_a_default_name_that_is_an_input_is_refused():
    Path("a.png").touch()
    Path("a.box.png").touch()
    with pytest.raises(OutputError, match=r"'a.box.png' is an input"):
        plan_outputs(["a.png", "a.box.png"], ["box"], ["png"], None)


def test_formats():
    assert parse_formats([], None) == ["png"]
    assert parse_formats(["JPEG", ".tif"], None) == ["jpg", "tiff"]
    assert parse_formats([], "x.npz") == ["npz"]
    assert parse_formats(["npy"], "there") == ["npy"]
    with pytest.raises(UnknownNameError, match="did you mean"):
        parse_formats(["pngg"], None)
    with pytest.raises(UnknownNameError, match="unknown format 'bmp'"):
        parse_formats([], "x.bmp")
    assert parse_formats([], "results.v2") == ["png"]
    with pytest.raises(OutputError, match="drop one"):
        parse_formats(["npy"], "x.png")


def test_folders():
    make_folder("deep/er/")
    assert Path("deep/er").is_dir()
    with pytest.raises(OutputError, match="'nowhere' does not exist"):
        make_folder("nowhere/x.png")


def test_stems_and_outputs():
    assert stem("photos/my cat.jpeg") == "my cat"
    assert Output(0, "png", None) == Output(0, "png", None)


def test_a_number_is_no_other_inputs_name():
    planned = plan_outputs(["a/cat.png", "b/cat.png", "b/cat-2.png"], ["edge"], ["png"], None)
    names = [str(outputs[0].path) for outputs in planned]
    assert names == ["cat.edge.png", "cat-3.edge.png", "cat-2.edge.png"]


def test_all_files_of_an_image_have_one_number():
    planned = plan_outputs(["a/x.png", "b/x.b.png", "c/X.png"], ["c", "b.c", "C"], ["png", "npy"], "there")
    found = [[output.path.name for output in outputs] for outputs in planned]
    assert found[0] == ["x.c.png", "x.c.npy", "x.b.c.png", "x.b.c.npy", "x.C-2.png", "x.C-2.npy"]
    assert found[1][0] == "x.b-2.c.png"
    assert found[2] == [name.replace("x.", "X-2.", 1) for name in found[0]]
    assert len({name.lower() for names in found for name in names}) == 18


WORDS = st.text(st.sampled_from("aAb.-2/\\ \u00e9\u0301\u212aK"), max_size=4) | st.sampled_from(
    ["x" * 90, "\u00e9" * 110]
)


@given(st.lists(WORDS, min_size=1, max_size=4), st.lists(WORDS, max_size=5))
@example(["c", "b.c"], ["a", "a.b"])
@example(["C", "x.b.c"], ["a", "a.x.b"])
def test_stems_that_share_no_key_share_no_file(labels, stems):
    endings = Endings((label, form) for label in distinct(labels) for form in ("png", "npy"))
    files = [set(map(folded, endings.names(one))) for one in stems]
    assert all(len(names) == 2 * len(labels) for names in files)
    for first, one in enumerate(stems):
        for second in range(first):
            if set(endings.keys(one)).isdisjoint(endings.keys(stems[second])):
                assert files[first].isdisjoint(files[second])
