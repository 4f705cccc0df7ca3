"""What differs between two tools: the parts, the steps, and numbers that are the job's own."""

import itertools
import json

import numpy as np
import pytest
from PIL import Image

import cnnfilter
from cnnfilter.errors import ParameterError, ShapeError, UnknownNameError
from cnnfilter.library import search_path
from cnnfilter.library.calls import CALLS
from cnnfilter.library.catalog import find
from cnnfilter.library.conventions import CONVENTIONS, ROUNDING_WORDS, adopt_words
from cnnfilter.library.load import load_kernels
from cnnfilter.run.between import between, sample_picture


def compared(spec, *tools):
    return between(spec, tools, search_path())


@pytest.mark.parametrize("tool", CONVENTIONS)
def test_results_are_those_of_the_job(cnnfilter_run, tmp_path, tool):
    picture = sample_picture((17, 17))
    Image.fromarray(picture).save(tmp_path / "sample.png")
    specs = ["sobel-y", "1 2 3; 4 5 6; -7 -8 -9", "box", "scharr-x", "gaussian"]
    if tool == "pillow":
        specs[-1] = "gaussian:size=5"
    else:
        specs += ["1 2; 3 -7", "1 2 3 4", "roberts-1", "log"]
    words = [word for spec in specs for word in ("-k", spec)]
    done = cnnfilter_run("convolve", "sample.png", *words, "--as", tool, "-f", "npy", "--json")
    assert done.code == 0, done.err
    other = "torch" if tool != "torch" else "onnx"
    for spec, result in zip(specs, json.loads(done.out)["results"], strict=True):
        found = between(spec, [tool, other], search_path(), picture)
        assert np.array_equal(np.load(tmp_path / result["outputs"][0]).astype(np.float64), found.results[0]), spec


@pytest.mark.parametrize("spec", ["gaussian", "gaussian:sigma=2", "box", "sobel-x", "roberts-2", "1 2; 3 4", "log"])
@pytest.mark.parametrize("tools", [*itertools.permutations([tool for tool in CONVENTIONS if tool != "pillow"], 2)])
def test_steps_end_at_the_second_result(spec, tools):
    found = compared(spec, *tools)
    if not found.steps:
        assert np.allclose(*found.results, rtol=1e-6, atol=1e-6)
    for part, (one, other) in found.facts.items():
        named = part in [step.part for step in found.steps]
        assert named or one == other or part in ("arithmetic", "middle"), part


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
    ("spec", "tool", "shape", "call"),
    [
        ("sobel-x", "opencv", (3, 3), "cv2.Sobel(image, -1, 1, 0)"),
        ("sobel:size=5,dy=1,dx=0", "opencv", (5, 5), "cv2.Sobel(image, -1, 0, 1, ksize=5)"),
        ("gaussian:sigma=2", "opencv", (13, 13), "cv2.GaussianBlur(image, (0, 0), 2)"),
        ("gaussian:size=3,5", "opencv", (3, 5), "cv2.GaussianBlur(image, (5, 3), 0)"),
        ("gaussian:size=4", "opencv", (4, 4), ""),
        ("gaussian:sigma=2,form=bessel", "opencv", (13, 13), ""),
        ("gaussian:sigma=2", "skimage", (17, 17), "skimage.filters.gaussian(image, 2)"),
        ("gaussian:sigma=2", "matlab", (9, 9), "imgaussfilt(image, 2)"),
        ("log:variant=matlab", "torch", (5, 5), ""),
        ("gaussian", "matlab", (3, 3), "imgaussfilt(image, 0.5)"),
        ("gaussian:size=5", "matlab", (5, 5), "imgaussfilt(image, 0.5, 'FilterSize', [5 5])"),
        ("gaussian", "pillow", (13, 13), "image.filter(ImageFilter.GaussianBlur(2))"),
        ("sobel-x:variant=kornia", "opencv", (3, 3), ""),
        ("sobel-x", "torch", (3, 3), ""),
        ("0 1 0", "opencv", (1, 3), ""),
        ("blur", "pillow", (5, 5), "image.filter(ImageFilter.BLUR)"),
        ("box", "pillow", (3, 3), "image.filter(ImageFilter.BoxBlur(1))"),
        ("roberts-1", "imagemagick", (3, 3), "convert image -morphology Convolve Roberts:45"),
    ],
)
def test_names_are_the_tools_own_functions(spec, tool, shape, call):
    (kernel,) = load_kernels(spec, tool=tool)
    assert kernel.shape == shape
    assert (kernel.own.call if kernel.own else "") == call


def test_sweeps_and_banks_are_adopted_one_by_one():
    kernels = load_kernels("gaussian:sigma=1|2", tool="scipy")
    assert [(kernel.name, kernel.shape[0]) for kernel in kernels] == [("gaussian-sigma1", 9), ("gaussian-sigma2", 17)]
    assert [kernel.shape[0] for kernel in load_kernels("bank:scale-space", tool="scipy")] == [9, 17, 33, 65]
    (one, _) = load_kernels("bank:sobel", tool="skimage")
    assert np.array_equal(one.weights * 4, cnnfilter.load_kernel("sobel-x").weights)


def test_what_is_done_to_weights_is_done_to_the_tools_own():
    (kernel,) = load_kernels("sobel-x:scale=2", tool="skimage")
    assert np.array_equal(kernel.weights * 2, cnnfilter.load_kernel("sobel-x").weights)
    assert kernel.own.call == ""  # a function of scikit-image gives no such numbers


def test_a_users_kernel_of_the_same_name_is_the_users(tmp_path):
    (tmp_path / "mine.yaml").write_text("kernels:\n  sobel-x: 1 2 3\n")
    (kernel,) = load_kernels("sobel-x", tool="skimage", search=[tmp_path])
    assert kernel.weights.tolist() == [[1, 2, 3]]
    assert kernel.own is None


def test_every_call_is_of_a_kernel():
    for tool, table in CALLS.items():
        assert tool in CONVENTIONS
        for name in table:
            assert find(name, "kernel", search_path()).name == name


def test_the_table_is_complete():
    for tool, convention in CONVENTIONS.items():
        assert convention.reference, tool
        assert convention.rounding in ("", *ROUNDING_WORDS)
        assert all(convention.words().values())
