"""`explain` as its users see it: the texts' examples step by step, layers of a network, sheets and their keys."""

import csv
import itertools
import json

import numpy as np
import pytest
from PIL import Image

import cnnfilter
from cnnfilter.images import read_image

LETTER = ("letter-6x6.csv", "-k", "0 0 1; 0 1 0; 1 0 0", "--bias", "-2", "-a", "relu")


@pytest.fixture
def told(cnnfilter_run, samples):
    """Explain something; return the lines of the screen."""

    def run(*words, code=0):
        placed = [samples / word if str(word).endswith((".csv", ".yaml", ".png")) else word for word in words]
        done = cnnfilter_run("explain", *placed, env={"COLUMNS": "100"})
        assert done.code == code, done.err
        return [line.rstrip() for line in (done.err if code else done.out).splitlines()]

    return run


def test_the_first_window_of_the_letter(told):
    lines = told(*LETTER, "--at", "0,0")
    assert [line.split()[-1] for line in lines[-3:]] == ["3", "1", "1"]
    assert lines[-2].split("  ")[-1] == "3 - 2 = 1"


def test_the_second_window_of_the_letter(told):
    lines = told(*LETTER, "--at", "0,1")
    assert lines[-2].split("  ")[-1] == "1 - 2 = -1"
    assert lines[-1].split() == ["relu", "max(x,", "0),", "for", "x", "=", "-1", "->", "0"]


def test_the_mean_of_1_0_4_6(told):
    assert told("1 0; 4 6", "--pool", "avg:2")[-1].endswith("(1 + 0 + 4 + 6) / 4 = 2.75")
    assert told("1 0; 4 6", "--pool", "avg:2", "--exact")[-1].endswith("(1 + 0 + 4 + 6) / 4 = 11/4")


def test_the_softmax_of_cat_dog_elephant(told):
    lines = told("scores.csv", "-a", "softmax")
    assert lines[-4].endswith("exp(2.5) = 12.1825") or "exp(2.5) = 12.1825" in "\n".join(lines)
    assert lines[-2].endswith("= 19.4535")
    assert lines[-1].endswith("12.1825 / 19.4535 = 0.626235")


NETWORK = """
name: sums
input: {channels: 1, size: [1, 2]}
layers:
  - {kind: flatten}
  - {kind: dense, name: dense, weights: [[0.27, 0.2], [-0.1, -0.4]]}
  - {kind: activation, activation: relu, name: relu}
"""


def test_the_weighted_sums_of_the_dense_layer(cnnfilter_run, tmp_path):
    (tmp_path / "sums.yaml").write_text(NETWORK)
    for at, wanted in (("0", "155*0.27 + 60*0.2 = 53.85"), ("1", "155*(-0.1) + 60*(-0.4) = -39.5")):
        done = cnnfilter_run("explain", "sums.yaml", "155 60", "--layer", "dense", "--at", at)
        assert wanted in done.out, done.err
    done = cnnfilter_run("explain", "sums.yaml", "155 60", "--layer", "relu", "--at", "1")
    assert "for x = -39.5 -> 0" in done.out


def test_every_layer_of_the_digits_is_what_run_says(cnnfilter_run, samples):
    network, picture = samples / "digits" / "digits.yaml", samples / "digits" / "digit-7.png"
    outputs = cnnfilter.run_network(network, picture)
    draw = np.random.default_rng(0)
    for name, values in outputs.items():
        at = tuple(int(draw.integers(size)) for size in values.shape)
        done = cnnfilter_run("explain", network, picture, "--layer", name, "--at", ",".join(map(str, at)), "--json")
        found = json.loads(done.out)
        assert found["result"] == float(values[at])
        if found["terms"]:
            total = sum(term["product"] for term in found["terms"]) + found["bias"]
            assert total == pytest.approx(found["result"], abs=1e-4)


def test_a_gated_value_is_one_product_on_screen_and_on_a_page(cnnfilter_run, samples, tmp_path):
    words = ("explain", samples / "squeeze.yaml", samples / "letter-6x6.csv", "--layer", "excited", "--at", "3,2,1")
    layers = cnnfilter.run_network(samples / "squeeze.yaml", samples / "letter-6x6.csv")
    value, gate = float(layers["maps"][3, 2, 1]), float(layers["gates"][3])
    (term,) = json.loads(cnnfilter_run(*words, "--json").out)["terms"]
    assert (term["input"], term["weight"], term["product"]) == (value, gate, value * gate)
    assert cnnfilter_run(*words, "-o", "page.png").code == 0
    assert (tmp_path / "page.png").read_bytes().startswith(b"\x89PNG")


def test_json_is_the_contracts(cnnfilter_run, samples):
    done = cnnfilter_run("explain", samples / "scene.png", "-k", "sobel-x", "--at", "0,3", "-p", "same", "--json")
    found = json.loads(done.out)
    assert {"at", "terms", "channel_sums", "sum", "bias", "value", "activation", "pool", "result"} <= set(found)
    assert set(found["terms"][0]) == {"channel", "row", "column", "input", "weight", "product", "invented"}
    assert [term["invented"] for term in found["terms"]] == [True] * 3 + [False] * 6


def test_a_quiz_hides_numbers_and_keeps_the_key(cnnfilter_run, samples, tmp_path):
    words = ("explain", samples / "letter-6x6.csv", "-k", "1 2; 3 4", "--at", "1,1", "--quiz", "3", "-o", "q.md")
    assert cnnfilter_run(*words).code == 0
    sheet = (tmp_path / "q.md").read_text()
    with (tmp_path / "q.key.csv").open(newline="") as file:
        key = list(csv.DictReader(file))
    assert [row["blank"] for row in key] == ["(1)", "(2)", "(3)"]
    assert all(sheet.count(row["blank"]) == 1 for row in key)
    one = json.loads(cnnfilter_run(*words[:6], "--json").out)
    products = {term["product"] for term in one["terms"]}
    assert {float(row["value"]) for row in key[:2]} <= products
    assert float(key[2]["value"]) == one["result"]


def test_a_page_is_for_a_slide(cnnfilter_run, samples, tmp_path):
    jobs = (
        (samples / "scene.png", "-k", "sobel-x", "-a", "relu", "--pool", "max:2", "--at", "200,210"),
        (samples / "scene.png", "-k", "gaussian:sigma=4", "--exact"), ("2.5 1.8 0.2", "-a", "softmax"),
        (samples / "scene-color.png", "-k", "sharpen", "--channels", "sum", "-p", "same", "--at", "0,0", "--quiz", "4"),
        (samples / "digits" / "digits.yaml", samples / "digits" / "digit-7.png", "--layer", "conv2", "--at", "3,1,2"),
        (samples / "letter-6x6.csv", "--pool", "global-avg"),
    )  # fmt: skip
    for number, words in enumerate(jobs):
        assert cnnfilter_run("explain", *words, "-o", f"{number}.png").code == 0
        pixels = read_image(tmp_path / f"{number}.png")
        assert pixels.shape == (3, 900, 1600)
        assert (pixels != 255).any(axis=0)[200:560].mean() > 0.02  # something is drawn where the panels are


@pytest.mark.parametrize("ending", ["gif", "webp"])
def test_a_film_fills_the_map_cell_by_cell(cnnfilter_run, samples, tmp_path, ending):
    assert cnnfilter_run("explain", samples / "letter-6x6.csv", "-k", "1 0; 0 1", "-o", f"x.{ending}").code == 0
    with Image.open(tmp_path / f"x.{ending}") as film:
        assert (film.n_frames, film.size) == (25, (800, 450))
        frames = []
        for number in (0, 12, 24):
            film.seek(number)
            frames.append(np.asarray(film.convert("RGB")).astype(int))
    assert all((one != other).any() for one, other in itertools.pairwise(frames))


@pytest.mark.parametrize("ending", ["md", "tex", "json"])
def test_names_with_signs_are_escaped(cnnfilter_run, samples, tmp_path, ending):
    name = "a_b & 50% {#1} $x^2~\\.png"
    (tmp_path / name).write_bytes((samples / "scene.png").read_bytes())
    assert cnnfilter_run("explain", name, "-k", "sobel-x", "-o", f"x.{ending}").code == 0
    text = (tmp_path / f"x.{ending}").read_text()
    if ending == "tex":
        assert r"a\_b \& 50\% \{\#1\} \$x\^{}2\~{}" in text.replace(r"\textasciicircum{}", r"\^{}").replace(
            r"\textasciitilde{}", r"\~{}"
        )


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("scene.png",), "needs what to explain"),
        (("scene.png", "-k", "sobel-x", "--at", "9999,0"), "rows go from 0 to 509"),
        (("scene.png", "-k", "sobel-x", "--at", "3"), "--at takes row,column"),
        (("scene.png", "-k", "sobel-x", "--channel", "3"), "channels go from 0 to 0"),
        (("scene.png", "-k", "sobel-x", "-o", "x.docx"), "is written as .png, .md, .tex, .json, .gif, .webp"),
        (("scene.png", "-k", "sobel-x", "--quiz", "99"), "from 1 to 10 numbers"),
        (("scene.png", "-k", "sobel-x", "-o", "x.gif"), "at most 200 cells"),
        (("letter-6x6.csv", "-k", "sobel-x", "-o", "x.gif", "--at", "0,0"), "over all cells"),
        (("scene.png", "-k", "sobel-x", "-k", "sobel-y", "--combine", "magnitude"), "one map of several kernels"),
        (("digits/digits.yaml", "digits/digit-7.png", "--layer", "conv9"), "did you mean conv"),
        (("digits/digits.yaml", "digits/digit-7.png", "--layer", "conv1", "--at", "99,0,0"), "channel 0 to 15"),
        (("digits/digits.yaml", "digits/digit-7.png"), "--layer NAME"),
        (("digits/digits.yaml", "digits/digit-7.png", "--layer", "conv1", "--stride", "2"), "--stride means nothing"),
    ],
)
def test_mistakes_are_one_line(told, words, reason):
    lines = told(*words, code=2)
    assert len(lines) == 1
    assert reason in lines[0]


def test_the_usual_slips_of_a_learner_are_told_by_name(cnnfilter_run, tmp_path):
    """Each slip is made by doing the same otherwise, and the mark says what was done."""
    words = ["explain", "1 0 1 2; 3 5 2 1; 0 4 4 1; 2 1 0 3", "-k", "0 1 2; 3 4 5; 6 7 9", "-p", "1", "--at", "0,1"]
    usual = ["--bias", "-3", "-a", "leaky-relu"]
    assert cnnfilter_run(*words, *usual, "--quiz", "1", "-o", tmp_path / "q.md").code == 0

    def otherwise(*changed):
        done = cnnfilter_run(*words[:6], *changed, "--json")
        return json.loads(done.out)["result"]

    for slip, changed in (
        ("the bias is forgotten", ["--at", "0,1", "-a", "leaky-relu"]),
        ("the sign of the bias is wrong", ["--at", "0,1", "-a", "leaky-relu", "--bias", "3"]),
        ("the kernel is flipped", ["--at", "0,1", *usual, "--flip"]),
        ("one row too low", ["--at", "1,1", *usual]),
        ("one column too far right", ["--at", "0,2", *usual]),
        ("the border is that of replicate", ["--at", "0,1", *usual, "--padding-mode", "replicate"]),
    ):
        (tmp_path / "mine.csv").write_text(f"(1),{otherwise(*changed)!r}\n")
        marked = cnnfilter_run("compare", tmp_path / "q.key.csv", tmp_path / "mine.csv", "--json")
        assert slip in marked.out, marked.out
    right = otherwise("--at", "0,1", *usual)
    (tmp_path / "mine.csv").write_text(f"(1),{right!r}\n")
    assert cnnfilter_run("compare", tmp_path / "q.key.csv", tmp_path / "mine.csv").code == 0
