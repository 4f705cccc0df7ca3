"""Names that are safe, and no two of them equal."""

import json
import os
import unicodedata
from collections import Counter
from pathlib import Path

import pytest
from corpora import corpus
from hypothesis import example, given
from hypothesis import strategies as st

from cnnfilter.text import Numbering, distinct, file_name, folded, name_key, slug

#: Names that come close to one another: by case, form, signs that a slug folds, numbers, reserved words, length.
NAMES = st.lists(
    st.one_of(
        st.sampled_from([
            "a", "A", "a-2", "a-2-2", "a-3", "a/2", "a 2", "", "...", "-2", "2", "caf\u00e9", "cafe\u0301",
            "CAFE\u0301", "\u212a", "k", "\u1e9e", "ss", "nul", "NUL-", "nul-2", "conv1/relu", "conv1-relu",
            "\udce9", "\x1b[2J", "2J", "x" * 150, "X" * 150, "x" * 119, "\u2000", "\u2002", "\ufb01", "fi",
        ]),
        st.text(max_size=4),
    ),
    max_size=40,
)  # fmt: skip


def check_slug(text, folder):
    name = slug(text)
    assert name
    assert len(name.encode()) <= 130
    assert name.isprintable()
    assert not set(name) & set('/\\:*?"<>|')
    assert (folder / name).resolve().parent == folder.resolve()
    assert slug(name) == name


@given(st.text())
def test_any_text_makes_a_safe_name(text):
    check_slug(text, Path("/somewhere"))


def test_naughty_strings_stay_inside_the_folder(tmp_path):
    lines = json.loads((corpus("naughty-strings") / "blns.json").read_text("utf-8"))
    lines += (corpus("naughty-strings") / "blns.txt").read_text("utf-8").splitlines()
    assert len(lines) > 1000
    folder = tmp_path / "inside"
    folder.mkdir()
    for text in lines:
        check_slug(text, folder)
        (folder / slug(text)).write_bytes(b"")
        (folder / file_name(text, text, extension="png")).write_bytes(b"")
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sobel-x", "sobel-x"),
        ("gabor-theta22.5", "gabor-theta22.5"),
        ("../../etc/passwd", "etc-passwd"),
        ("a/b\\c:d", "a-b-c-d"),
        ("", "unnamed"),
        ("....", "unnamed"),
        ("-rf", "rf"),
        ("\x1b[2J", "2J"),
        ("con", "con-"),
        ("COM1.txt", "COM1-txt"),
        ("猫 filter", "猫-filter"),
        ("\udcff", "unnamed"),
    ],
)
def test_slug_table(text, expected):
    assert slug(text) == expected


def test_long_names_are_cut_and_stay_different():
    first, second = slug("k" * 500 + "1"), slug("k" * 500 + "2")
    assert first != second
    assert len(first) == 120
    name = file_name("é" * 200, "sobel-x", extension="png")
    assert len(name.encode()) <= 255
    assert name.endswith(".sobel-x.png")


def test_stems_keep_their_bytes():
    assert file_name("caf\udce9 photo", "blur", extension="npy") == "caf\udce9 photo.blur.npy"
    assert file_name("..", "blur", extension="npy") == "unnamed.blur.npy"


@given(NAMES)
@example(["a", "a", "a-2"])
@example(["", "...", "-2", "2"])
@example(["unnamed", "", "unnamed-2"])
def test_names_become_distinct(names):
    found = distinct(names)
    keys = [name_key(name) for name in names]
    assert len(found) == len(names)
    assert len({name_key(name) for name in found}) == len(found)
    counts = Counter(keys)
    for index, name in enumerate(names):
        if counts[keys[index]] == 1 or keys[index] not in keys[:index]:
            assert found[index] == name
        else:
            assert found[index].startswith(f"{name}-")
            assert name_key(found[index]) not in counts  # no number makes another one's name
    assert distinct(found) == found


@given(NAMES)
def test_distinct_names_make_distinct_files(names):
    files = [file_name("photo", name, extension="png") for name in distinct(names)]
    caseless = {unicodedata.normalize("NFC", unicodedata.normalize("NFD", file).casefold()) for file in files}
    assert len(caseless) == len(files)


def test_the_first_keeps_its_name_and_numbers_pass_over_others():
    assert distinct(["edge", "edge", "Edge", "edge-2", "edge"]) == ("edge", "edge-3", "Edge-4", "edge-2", "edge-5")
    assert distinct(["conv/1", "conv-1"]) == ("conv/1", "conv-1-2")
    assert distinct(["a.png", "A.png"], str) == ("a.png", "A.png")
    assert distinct([]) == ()


@pytest.mark.parametrize("names", [["k"] * 2000, [f"k-{n % 700}" for n in range(2000)], ["", "."] * 1000])
def test_names_are_tried_a_bounded_number_of_times(names):
    """Time is that of the keys that are asked for: never more than four for each name, however many are equal."""
    asked = []
    numbering = Numbering(lambda name: (asked.append(name) or name_key(name),))
    for name in names:
        numbering.note(name)
    for name in names:
        numbering.number(name)
    assert len(asked) <= 4 * len(names)


def test_a_name_may_take_up_several_places():
    """A stem takes up every file that is made of it: here ``x`` with ``b.c`` and ``x.b`` with ``c`` are one."""
    numbering = Numbering(lambda stem: (f"{stem}.c", f"{stem}.b.c"))
    for stem in ("x", "x.b", "y"):
        numbering.note(stem)
    assert [numbering.number(stem) for stem in ("x", "x.b", "y")] == [1, 2, 1]


def test_folding():
    assert folded("ABC.Png") == "abc.png"
    assert folded("caf\u00e9") == folded("CAFE\u0301") == folded(os.fsdecode("caf\u00c9".encode()))
    assert folded("a_b") != folded("a-b")
