"""What differs between two tools: the parts, the steps, and numbers that are the job's own."""

import json

import numpy as np
import pytest
from PIL import Image

from cnnfilter.errors import ParameterError, ShapeError, UnknownNameError
from cnnfilter.library import search_path
from cnnfilter.library.between import apply, between, sample_picture, settings
from cnnfilter.library.conventions import CONVENTIONS, ROUNDING_WORDS, adopt_spec, adopt_words, load_as


def compared(spec, *tools):
    return between(spec, tools, search_path())


@pytest.mark.parametrize("tool", CONVENTIONS)
def test_results_are_those_of_the_job(cnnfilter_run, tmp_path, tool):
    Image.fromarray(sample_picture()).save(tmp_path / "sample.png")
    specs = ["sobel-y", "1 2 3; 4 5 6; -7 -8 -9", "box", "scharr-x"]
    if tool != "pillow":
        specs += ["1 2; 3 -7", "1 2 3 4"]
    words = [word for spec in specs for word in ("-k", spec)]
    done = cnnfilter_run("convolve", "sample.png", *words, "--as", tool, "-f", "npy", "--json")
    assert done.code == 0, done.err
    for spec, result in zip(specs, json.loads(done.out)["results"], strict=True):
        (kernel,) = load_as(spec, tool, search_path())
        expected = apply(sample_picture(), settings(kernel, tool))
        assert np.allclose(np.load(tmp_path / result["outputs"][0]), expected, rtol=1e-6, atol=1e-6), spec


def test_steps_lead_from_one_result_to_the_other():
    found = compared("sobel-x", "opencv", "skimage")
    assert [step.part for step in found.steps] == ["result", "kernel", "range", "border"]
    assert found.steps[-1].inside == 0  # the border changes nothing but the border
    assert found.results[1][4, 1] == pytest.approx(found.results[0][4, 1] / 255 / 4)


def test_what_is_equal_is_said_to_be():
    found = compared("sobel-x", "torch", "onnx")
    assert found.steps == ()
    assert np.array_equal(*found.results)


def test_a_border_that_adds_cells():
    step = next(step for step in compared("sobel-x", "torch", "scipy").steps if step.part == "border")
    assert (step.added, step.changed, step.cells) == (120 - 80, 0, 80)


@pytest.mark.parametrize(
    ("spec", "tools", "kind", "message"),
    [
        ("sobel-x", ["opencv"], ParameterError, "--between takes two tools, as in opencv,skimage; got opencv"),
        ("sobel-x", ["opencv", "opencv"], ParameterError, "takes two tools"),
        ("sobel-x", ["opencv", "gimp"], UnknownNameError, "unknown tool 'gimp'"),
        ("bank:kirsch", ["opencv", "scipy"], ParameterError, "compare takes one two-dimensional kernel"),
        ("sobel-7-x", ["torch", "pillow"], ShapeError, "pillow takes kernels of 3x3 or 5x5, got 7x7"),
    ],
)
def test_what_cannot_be_compared(spec, tools, kind, message):
    with pytest.raises(kind) as caught:
        compared(spec, *tools)
    assert message in str(caught.value)


def test_the_command(cnnfilter_run):
    done = cnnfilter_run("kernels", "compare", "scharr-x", "--between", "opencv,skimage")
    assert done.code == 0, done.err
    assert "1/16 of -3 0 3; -10 0 10; -3 0 3" in done.out
    assert "at the border only" in done.out
    document = json.loads(cnnfilter_run("kernels", "compare", "box", "--between", "scipy,torch", "--json").out)
    assert document["facts"]["border"] == ["symmetric", "none: whole windows only"]


def test_flags_that_are_given_win():
    words = {"padding": "valid", "padding_mode": "zeros", "flip": False, "range": "stored", "dtype": "float32"}
    adopted = adopt_words("opencv", words, frozenset({"padding_mode"}))
    assert (adopted["padding"], adopted["padding_mode"], adopted["cast"]) == ("same", "zeros", True)
    assert adopt_words("opencv", words, frozenset({"dtype"}))["cast"] is False
    assert adopt_words("imagemagick", words, frozenset({"flip"}))["flip"] is False
    assert adopt_words("pillow", words, frozenset())["copy_border"] is True
    assert adopt_words("pillow", words, frozenset({"padding"}))["copy_border"] is False
    assert adopt_words("", words, frozenset()) == words


@pytest.mark.parametrize(
    ("spec", "tool", "expected"),
    [
        ("sobel-x", "opencv", "sobel-x:variant=opencv"),
        ("sobel-x:variant=kornia", "opencv", "sobel-x:variant=kornia"),
        ("sobel-x:scale=2", "skimage", "sobel-x:scale=2,variant=skimage"),
        ("sobel-x", "torch", "sobel-x"),
        ("0 1 0", "opencv", "0 1 0"),
        ("bank:kirsch", "opencv", "bank:kirsch"),
        ("box:size=3", "pillow", "box:size=3"),
        ("no-such-kernel", "opencv", "no-such-kernel"),
    ],
)
def test_variants_are_chosen(spec, tool, expected):
    assert adopt_spec(spec, tool, search_path()) == expected


def test_the_table_is_complete():
    for tool, convention in CONVENTIONS.items():
        assert convention.reference, tool
        assert convention.rounding in ("", *ROUNDING_WORDS)
        assert all(convention.words().values())
