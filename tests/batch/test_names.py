"""No two results share a file, on any file system."""

import itertools
import random
import unicodedata

import pytest

from cnnfilter.batch.names import Labels, Namer, safe_folder

PIECES = [
    "a",
    "A",
    "b.c",
    "\u00e9",
    "e\u0301",
    "\u212a",
    "k",
    "\udce9",
    "...",
    "a\\b",
    "a-b",
    "x" * 200,
    "x" * 199 + "y",
    "-2",
]


def folded(name):
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


@pytest.mark.parametrize("labels", [("sobel-x",), ("c", "b.c", "a.b.c"), ("L" * 130, "M")])
def test_a_thousand_names_stay_a_thousand(labels):
    rng = random.Random(6)
    namer = Namer(Labels(labels, ("png", "npy")))
    keys = [
        "/".join(
            [
                *rng.choices(["d", "D", "e"], k=rng.randrange(3)),
                rng.choice(PIECES) + rng.choice([".png", ".PNG", ".jpg", ""]),
            ]
        )
        for _ in range(1000)
    ]
    taken = []
    for key in keys:
        folder, stem = namer.place(key)
        taken += [(folded(folder), folded(name)) for name in namer.labels.files(stem)]
    assert len(set(taken)) == len(taken) == 1000 * 2 * len(labels)


def test_the_first_one_keeps_its_name():
    namer = Namer(Labels(("k",), ("png",)))
    assert [namer.place(key)[1] for key in ("a.png", "a-2.png", "a.jpg", "A.gif")] == ["a", "a-2", "a-3", "A-4"]


@pytest.mark.parametrize("key", ["../x.png", "a/../../x.png", "/etc/x.png", "./x.png", "a//b/x.png"])
def test_no_key_leaves_the_tree(key):
    assert not {"..", ".", ""} & set(safe_folder(key).split("/")) - {""}
    assert not safe_folder(key).startswith("/")


def test_every_label_and_format_has_its_file():
    labels = Labels(("a", "b"), ("png", "csv"))
    assert labels.files("s") == [f"s.{one}.{two}" for one, two in itertools.product("ab", ("png", "csv"))]
