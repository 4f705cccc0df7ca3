"""What is found, what is passed over, and in which order."""

import os

import pytest

from cnnfilter.batch.inputs import Skips, find, refuse_nested
from cnnfilter.batch.roots import Filters, parse_roots
from cnnfilter.errors import OutputError, ParameterError


def keys(arguments, include=(), exclude=()):
    skips = Skips()
    found = find(parse_roots([os.fspath(one) for one in arguments]), Filters(tuple(include), tuple(exclude)), skips)
    return [one.key for one in found], dict(skips.counts)


@pytest.fixture
def place(tmp_path):
    for name in ("b/2.png", "a/1.PNG", "a/z/3.jpg", "top.tif", "notes.txt", ".hidden.png", ".git/x.png"):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return tmp_path / "in"


def test_a_folder_is_walked_in_the_order_of_names(place):
    found, skipped = keys([place])
    assert found == ["a/1.PNG", "a/z/3.jpg", "b/2.png", "top.tif"]
    assert skipped == {"other file": 2, "hidden folder": 1}


@pytest.mark.parametrize(
    ("include", "exclude", "expected"),
    [
        (["*.png"], [], [".hidden.png", "a/1.PNG", "b/2.png"]),
        (["a/**"], [], ["a/1.PNG", "a/z/3.jpg"]),
        (["a/*"], [], ["a/1.PNG"]),
        ([], ["z"], ["a/1.PNG", "b/2.png", "top.tif"]),
        ([], ["a", "*.tif"], ["b/2.png"]),
        (["*"], ["a"], [".hidden.png", "b/2.png", "notes.txt", "top.tif"]),
        (["[0-9].*"], [], ["a/1.PNG", "a/z/3.jpg", "b/2.png"]),
    ],
)
def test_patterns_choose(place, include, exclude, expected):
    assert keys([place], include, exclude)[0] == expected


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [("**/*.png", [".hidden.png", "a/1.PNG", "b/2.png"]), ("*.tif", ["top.tif"]), ("?/*.*", ["a/1.PNG", "b/2.png"])],
)
def test_a_pattern_is_an_argument(place, pattern, expected):
    assert keys([place / pattern])[0] == expected


def test_links_pipes_and_circles_stop_nothing(place):
    (place / "a" / "circle").symlink_to(place)
    (place / "link.png").symlink_to(place / "top.tif")
    os.mkfifo(place / "pipe.png")
    found, skipped = keys([place])
    assert found == ["a/1.PNG", "a/z/3.jpg", "b/2.png", "top.tif"]
    assert (skipped["link"], skipped["pipe or device"]) == (2, 1)


def test_several_folders_keep_their_names(place, tmp_path):
    other = tmp_path / "other" / "in"
    other.mkdir(parents=True)
    (other / "n.png").touch()
    assert keys([place / "b", other])[0] == ["b/2.png", "in/n.png"]
    assert keys([place, other])[0][-1] == "in-2/n.png"


def test_an_input_given_twice_is_done_once(place):
    found, skipped = keys([place / "a", place / "a", place / "b" / "2.png"])
    assert found == ["a/1.PNG", "a/z/3.jpg", "2.png"]
    assert skipped["given twice"] == 2


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\0"])
def test_a_list_names_files(place, tmp_path, ending):
    (tmp_path / "all.lst").write_bytes(ending.join(os.fsencode(place / n) for n in ("b/2.png", "a/1.PNG", "gone.png")))
    found = list(find(parse_roots([f"@{tmp_path / 'all.lst'}"]), Filters(), Skips()))
    assert [one.key for one in found] == ["b/2.png", "a/1.PNG", "gone.png"]
    assert [bool(one.reason) for one in found] == [False, False, True]


def test_a_text_of_numbers_is_no_list(tmp_path):
    (tmp_path / "grid.txt").write_text("1 2 3\n4 5 6\n")
    (tmp_path / "list.txt").write_text("grid.txt\n")
    assert [root.kind for root in parse_roots([str(tmp_path / "grid.txt"), str(tmp_path / "list.txt")])] == [
        "file",
        "list",
    ]


def test_names_that_are_no_utf8_stay_what_they_are(tmp_path):
    (tmp_path / os.fsdecode(b"caf\xe9.png")).touch()
    found, _ = keys([tmp_path])
    assert os.fsencode(found[0]) == b"caf\xe9.png"


def test_an_argument_that_is_nothing_is_refused(tmp_path):
    with pytest.raises(ParameterError, match="no such file or folder"):
        parse_roots([str(tmp_path / "nothing")])


def test_the_output_lies_outside_the_input(place, tmp_path):
    roots = parse_roots([str(place)])
    (tmp_path / "alias").symlink_to(place)
    for output in (place, place / "out", tmp_path / "alias" / "out", tmp_path / "alias"):
        with pytest.raises(OutputError, match="input"):
            refuse_nested(roots, str(output), Filters())
    refuse_nested(roots, str(place / "out"), Filters(exclude=("out",)))
    refuse_nested(roots, str(tmp_path / "in-out"), Filters())
