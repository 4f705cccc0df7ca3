"""No two inputs share a name, and no two results a file, on any file system."""

import itertools
import random
import unicodedata

import pytest

from cnnfilter.batch.plan import Places, safe_folder
from cnnfilter.files import printable
from cnnfilter.run.outputs import Endings

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


def endings(labels, formats=("png", "npy")):
    return Endings(itertools.product(labels, formats))


def placed(keys, labels=("k",)):
    places = Places(endings(labels))
    for key in keys:
        places.note(key)
    return [places.place(key) for key in keys]


@pytest.mark.parametrize("labels", [("sobel-x",), ("c", "b.c", "a.b.c"), ("C", "B.c"), ("L" * 130, "M")])
def test_a_thousand_names_stay_a_thousand(labels):
    rng = random.Random(6)
    keys = [
        "/".join(
            [
                *rng.choices(["d", "D", "e", "d."], k=rng.randrange(3)),
                rng.choice(PIECES) + rng.choice([".png", ".PNG", ".jpg", ""]),
            ]
        )
        for _ in range(1000)
    ]
    places = placed(keys, labels)
    taken = [(folded(p.folder), folded(name)) for p in places for name in endings(labels).names(p.stem)]
    assert len(set(taken)) == len(taken) == 1000 * 2 * len(labels)
    assert len({printable(place.key) for place in places}) == 1000
    first = dict.fromkeys(keys)
    for key, place in zip(keys, places, strict=True):
        if key in first:
            assert place.key == key
            del first[key]


def test_the_first_one_keeps_its_name():
    assert [one.stem for one in placed(("a.png", "a-2.png", "a.jpg", "A.gif"))] == ["a", "a-2", "a-3", "A-4"]


def test_a_number_is_no_other_inputs_name():
    places = placed(("p.png", "p.png", "p.png", "p-2.png", "p-2.jpg"))
    assert [one.key for one in places] == ["p.png", "p-3.png", "p-4.png", "p-2.png", "p-2.jpg"]
    assert [one.stem for one in places] == ["p", "p-3", "p-4", "p-2", "p-2-2"]


def test_keys_that_print_alike_differ():
    places = placed(("a\x1b.png", "a\\x1b.png", "caf\udce9.png", "caf\\xe9.png"))
    assert len({printable(one.key) for one in places}) == 4


@pytest.mark.parametrize("name", [".png", "...", "..png", "b.", "b", "x\\y.png", "\u00e9" * 120 + ".png"])
def test_any_name_may_come_again(name):
    places = placed([f"d/{name}"] * 4)
    assert len({one.key for one in places}) == len({one.stem for one in places}) == 4
    assert places[0].key == f"d/{name}"


def test_nothing_is_held_back_where_all_differ():
    places = Places(endings(("k",)))
    assert tuple(places.note("a/b.png")) == ("a/b.png", "a", "b")
    assert places.settled
    places.note("a/B.jpg")
    assert not places.settled


@pytest.mark.parametrize("key", ["../x.png", "a/../../x.png", "/etc/x.png", "./x.png", "a//b/x.png"])
def test_no_key_leaves_the_tree(key):
    assert not {"..", ".", ""} & set(safe_folder(key).split("/")) - {""}
    assert not safe_folder(key).startswith("/")


def test_every_label_and_format_has_its_file():
    assert endings("ab", ("png", "csv")).names("s") == [
        f"s.{one}.{two}" for one, two in itertools.product("ab", ("png", "csv"))
    ]
