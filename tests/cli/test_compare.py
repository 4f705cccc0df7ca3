"""`compare` as its users see it."""

import json
import shutil

import numpy as np
import pytest

from cnnfilter.images import read_image


@pytest.fixture
def maps(cnnfilter_run, samples):
    """Write a map and three others of the same job done otherwise."""
    words = ("convolve", samples / "scene.png", "-k", "sobel-x", "-q", "-p", "same")
    for name, more in (("a", ()), ("flipped", ("--flip",)), ("reflect", ("--padding-mode", "reflect"))):
        assert cnnfilter_run(*words, *more, "-o", f"{name}.npy").code == 0
    assert cnnfilter_run(*words, "-o", "a.png").code == 0


def test_the_reason_comes_first(cnnfilter_run, samples, maps, tmp_path):
    job = ("--image", samples / "scene.png", "-k", "sobel-x", "-p", "same")
    done = cnnfilter_run("compare", "a.npy", "reflect.npy", *job, "-o", "heat.png")
    assert done.code == 1
    assert done.out.startswith("B is the map with --padding-mode reflect (largest difference then 0)")
    heat = read_image(tmp_path / "heat.png")
    assert (heat[:, 1:-1, 1:-1].sum(axis=0) == heat[:, 100, 100].sum()).all()
    assert cnnfilter_run("compare", "a.npy", "flipped.npy", *job).out.startswith("B is the map with the kernel flipped")
    assert cnnfilter_run("compare", "a.npy", "a.png").out.startswith("B is A without its signs, rounded and clipped")


def test_the_same_ends_with_0(cnnfilter_run, maps):
    done = cnnfilter_run("compare", "a.npy", "a.npy")
    assert (done.code, done.out.splitlines()[0]) == (0, "A and B are the same")
    assert cnnfilter_run("compare", "a.npy", "reflect.npy", "--tolerance", "5000").code == 0


def test_json_is_the_contracts(cnnfilter_run, maps):
    found = json.loads(cnnfilter_run("compare", "a.npy", "flipped.npy", "--json").out)
    assert {"same", "shapes", "max_abs", "mean_abs", "max_rel", "max_ulp", "at", "differing", "of", "causes"} <= set(
        found
    )
    assert set(found["causes"][0]) == {"cause", "remaining", "text"}
    assert found["causes"][0]["cause"] == "negated"
    assert json.loads(cnnfilter_run("compare", "a.npy", "flipped.npy", "--json", "--no-why").out)["causes"] == []


def test_folders_and_networks_are_held_layer_against_layer(cnnfilter_run, samples, tmp_path):
    network, picture = samples / "digits" / "digits.yaml", samples / "digits" / "digit-7.png"
    assert cnnfilter_run("run", network, picture, "--save", "all", "-f", "npy", "-o", "one/", "-q").code == 0
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    assert cnnfilter_run("compare", "one", "two").code == 0
    changed = tmp_path / "two" / "digit-7.relu2.npy"
    np.save(changed, np.load(changed) * 2)
    (tmp_path / "two" / "digit-7.softmax.npy").unlink()
    done = cnnfilter_run("compare", "one", "two")
    assert done.code == 1
    assert done.out.startswith("2 of 10 differ, the first one is digit-7.relu2")
    assert "only A has it" in done.out
    assert json.loads(cnnfilter_run("compare", "one", "two", "--json").out)["first"] == "digit-7.relu2"
    assert cnnfilter_run("compare", network, network, "--image", picture).out.startswith("all 10 are the same")


def test_tables_of_features_are_held_row_against_row(cnnfilter_run, samples, tmp_path):
    for name, kernel in (("a", "sobel-x"), ("b", "sobel-y")):
        words = (
            "batch",
            samples / "scene.png",
            "-k",
            kernel,
            "--features",
            f"{name}.csv",
            "-o",
            f"out-{name}",
            "-j",
            "0",
            "-q",
        )
        assert cnnfilter_run(*words).code == 0
    done = cnnfilter_run("compare", "a.csv", "b.csv")
    assert (done.code, "scene.png" in done.out or "largest difference" in done.out) == (1, True)
    assert cnnfilter_run("compare", "a.csv", "a.csv").code == 0


def test_answers_are_marked(cnnfilter_run, samples, tmp_path):
    words = ("explain", samples / "letter-6x6.csv", "-k", "1 2; 3 -4", "--at", "1,1", "--quiz", "5", "-o", "q.md")
    assert cnnfilter_run(*words).code == 0
    rows = [line.split(",") for line in (tmp_path / "q.key.csv").read_text().splitlines()[1:]]
    values = [float(row[-1]) for row in rows]
    (tmp_path / "good.csv").write_text("".join(f"({n}),{value}\n" for n, value in enumerate(values, 1)))
    assert cnnfilter_run("compare", "q.key.csv", "good.csv").out.splitlines()[-1] == "5 of 5 right"
    last = values[-1]
    (tmp_path / "bad.csv").write_text(f"(5),{-last}\n(1),x\n")
    done = cnnfilter_run("compare", "q.key.csv", "bad.csv")
    assert done.code == 1
    assert "the sign is wrong" in done.out
    assert "no answer" in done.out
    assert "no number" in done.out


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("a.npy", "nothing.npy"), "'nothing.npy': No such file"),
        (("a.npy", "reflect.npy", "-k", "sobel-x"), "needs its picture"),
        (("a.npy", "reflect.npy", "-o", "x.txt"), "picture ending"),
        (("a.npy", "reflect.npy", "--tolerance", "-1"), "--tolerance"),
        (("a.npy", "reflect.npy", "-o", "a.npy"), "picture ending"),
    ],
)
def test_mistakes_are_one_line(cnnfilter_run, maps, words, reason):
    done = cnnfilter_run("compare", *words)
    assert (done.code in (2, 3), len(done.err.splitlines())) == (True, 1), done.err
    assert reason in done.err
