"""From specs to kernels: names, sweeps, banks, files, what every kernel takes, and what is refused."""

from __future__ import annotations

import re

import corpora
import numpy as np
import pytest

import cnnfilter
from cnnfilter.errors import CnnFilterError, KernelFileError, ParameterError, ShapeError, UnknownNameError
from cnnfilter.library import FilterBank, Kernel, load_kernel, load_kernels

SOBEL_X = [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]


def names(spec):
    return [kernel.name for kernel in load_kernels(spec)]


def test_a_kernel_has_everything():
    kernel = load_kernel("sobel-x")
    assert isinstance(kernel, Kernel)
    assert kernel.weights.tolist() == SOBEL_X
    assert kernel.weights.dtype == np.float64
    assert (kernel.name, kernel.spec, kernel.family) == ("sobel-x", "sobel-x", "gradient")
    assert "1968" in kernel.source
    assert kernel.origin.endswith("gradients.json")
    assert np.asarray(kernel).tolist() == SOBEL_X
    with pytest.raises(ValueError, match="read-only"):
        kernel.weights[0, 0] = 9


def test_public_names_are_these():
    assert cnnfilter.load_kernel is load_kernel
    assert "sobel-x" in cnnfilter.list_kernels()


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        ("gabor:theta=22.5", ["gabor-theta22.5"]),
        ("gabor:theta=0..157.5/22.5", [f"gabor-theta{angle:g}" for angle in np.arange(8) * 22.5]),
        ("gaussian:sigma=1|2,size=9", ["gaussian-sigma1-size9", "gaussian-sigma2-size9"]),
        ("gaussian:form=sampled|bessel", ["gaussian-sampled", "gaussian-bessel"]),
        ("box:size=3,5", ["box-size3_5"]),
        ("sobel-x:rotate=-45", ["sobel-x-rotate-45"]),
        ("sobel-x:scale=1/4", ["sobel-x-scale1_4"]),
        ("sobel-x:variant=skimage", ["sobel-x-skimage"]),
        ("sobel-x:name=mine", ["mine"]),
        ("sobel-x:name=../x", ["x"]),
        ("sobel-x:scale=1|1/1|1", ["sobel-x-scale1", "sobel-x-scale1_1", "sobel-x-scale1-2"]),
        ("gabor:theta=0|90,name=g", ["g", "g-2"]),
        ("1 2; 3 4", ["matrix-2x2"]),
        ("[[[1]], [[2]], [[3]]]", ["matrix-3x1x1"]),
        ("1 2; 3 4:name=mine", ["mine"]),
        ("bank:sobel", ["sobel-x", "sobel-y"]),
        ("bank:sobel:scale=2", ["sobel-x-scale2", "sobel-y-scale2"]),
        ("bank:sobel:variant=skimage", ["sobel-x-skimage", "sobel-y-skimage"]),
        ("box-blur", ["box"]),
        ("Gaussian_Blur", ["gaussian-3x3"]),
    ],
)
def test_names(spec, wanted):
    assert names(spec) == wanted


@pytest.mark.parametrize(
    "spec",
    [
        "sobel-x",
        "gabor:theta=0..90/45,wavelength=6|8",
        "bank:laws-3:scale=1/9",
        "bank:gabor-8:size=9,rotate=90",
        "0 1 0; 1 -4 1; 0 1 0:rotate=45,normalize=l1",
        "[[0, 1/4], [2, 3]]:scale=0.5",
        "scharr-x:variant=ffmpeg",
        "bank:leung-malik",
    ],
)
def test_every_kernel_says_how_to_type_it(spec):
    for kernel in load_kernels(spec):
        (again,) = load_kernels(kernel.spec)
        assert again.name == kernel.name
        np.testing.assert_array_equal(again.weights, kernel.weights)


def test_one_kernel_or_a_bank():
    assert isinstance(load_kernel("sobel-x"), Kernel)
    assert isinstance(load_kernel("gabor:theta=0..90/45"), FilterBank)
    assert isinstance(load_kernel("bank:steerable-g1"), FilterBank)
    bank = load_kernel("bank:kirsch")
    assert (bank.name, len(bank), bank[0].name) == ("kirsch", 8, "kirsch-n")
    assert bank.weights.shape == (8, 1, 3, 3)
    assert np.asarray(bank).shape == (8, 1, 3, 3)
    assert np.asarray(bank, dtype=np.float32).dtype == np.float32
    assert [kernel.name for kernel in bank[2:4]] == ["kirsch-e", "kirsch-se"]


def test_a_bank_of_several_sizes_has_no_array():
    with pytest.raises(ShapeError, match=re.escape("bank 'gaussian' holds kernels of 2 sizes (7x7, 13x13): one array")):
        _ = load_kernel("gaussian:sigma=1|2").weights
    assert load_kernel("gaussian:sigma=1|2,size=13").weights.shape == (2, 1, 13, 13)
    assert load_kernel("random:seed=0|1,channels=3,size=2,5").weights.shape == (2, 3, 2, 5)


def test_rotate_normalize_scale_come_in_this_order_whatever_the_spec_says():
    expected = np.array([[3, 1], [4, 2]]) / 10 * 5
    for tail in ("rotate=90,normalize=sum,scale=5", "scale=5,normalize=sum,rotate=90"):
        np.testing.assert_allclose(load_kernel(f"1 2; 3 4:{tail}").weights, expected)
        np.testing.assert_allclose(load_kernel(f"[[1, 2], [3, 4]]:{tail}").weights, expected)


def test_a_bank_passes_parameters_on():
    for kernel in load_kernels("bank:gabor-8:wavelength=4,size=15,scale=2"):
        theta = float(re.search(r"theta=([0-9.]+)", kernel.spec)[1])
        wanted = load_kernel(f"gabor:theta={theta},wavelength=4,size=15").weights * 2
        np.testing.assert_array_equal(kernel.weights, wanted)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("gabor:wavelength=-3", "gabor: wavelength must be > 0 pixels, got -3"),
        ("gabor:wavelength=x", "gabor: wavelength must be a number of pixels, got x"),
        ("gabor:wavelenth=3", "gabor: unknown parameter 'wavelenth' (did you mean wavelength?)"),
        ("gabor:size=4", "gabor: size must be odd, so that the kernel has a centre, got 4"),
        ("gabor:part=both", "gabor: part must be real or imaginary, got both"),
        ("gabor:zero-mean=maybe", "gabor: zero-mean must be yes or no, got maybe"),
        ("gabor:bandwidth=0", "gabor: bandwidth must be > 0 and at most 20 octaves, got 0"),
        ("box:size=0", "box: size must be 1 to 4095 pixels, got 0"),
        ("box:size=100000", "box: size must be 1 to 4095 pixels, got 100000"),
        ("box:size=2.5", "box: size must be n or rows,columns in whole pixels, got 2.5"),
        ("box:size=1,2,3", "box: size must be n or rows,columns in whole pixels, got 1,2,3"),
        ("gaussian:sigma=1e9", "gaussian: needs 6e+09 pixels a side, more than 4095 (use a smaller width)"),
        ("gaussian:sigma=0", "gaussian: sigma must be > 0 pixels, got 0"),
        ("motion:length=0", "motion: length must be at least 1 pixels, got 0"),
        ("motion:length=1e300", "motion: needs 1e+300 pixels a side, more than 4095 (use a smaller width)"),
        ("disk:radius=1e6", "disk: needs 2e+06 pixels a side, more than 4095 (use a smaller width)"),
        ("sobel:size=4", "sobel: size must be odd, got 4"),
        ("sobel:dx=3", "sobel: size must be greater than the order 3 of the derivative, got 3"),
        ("sobel:size=99", "sobel: size must be 1 to 31 pixels, got 99"),
        ("sobel:dx=0.5", "sobel: dx must be a whole number, got 0.5"),
        ("dct:u=8", "dct: u must be 0 to 7 for size 8, got 8"),
        ("hadamard:size=6", "hadamard: size must be a power of 2 up to 64, got 6"),
        ("haar-like:kind=line-x,size=4", "haar-like: line-x needs columns in 3 equal parts, got 4"),
        (
            "random:size=4095,channels=60000",
            "random: 1,006,141,500,000 weights, more than 16,777,216 (use a smaller size)",
        ),
        ("laws:column=l9", "laws: column must be l3 or e3 or s3"),
        ("sobel-x:sigma=3", "sobel-x: unknown parameter 'sigma' (it has rotate, normalize, scale, variant, name)"),
        ("sobel-x:zzz=3", "sobel-x: unknown parameter 'zzz' (it has rotate, normalize, scale, variant, name)"),
        ("sobel-x:variant=opencvv", "unknown variant of sobel-x 'opencvv' (did you mean opencv"),
        ("identity:variant=x", "unknown variant of identity 'x' (known: )"),
        ("sobel-x:rotate=north", "sobel-x: rotate must be a number of degrees, got north"),
        ("sobel-x:normalize=max", "sobel-x: normalize must be none or sum or l1 or zero-sum, got max"),
        ("sobel-x:normalize=sum", "sobel-x: normalize=sum: the weights sum to 0 (use normalize=l1)"),
        ("0 0; 0 0:normalize=l1", "matrix-2x2: normalize=l1: all weights are 0"),
        ("1 2; 3 4:variant=x", "matrix-2x2: unknown parameter 'variant'"),
        ("1 2; 3", "kernel '1 2; 3': row 2 has 1 values, expected 2"),
        ("[[1, NaN]]", "kernel '[[1, NaN]]': row 1, column 2: expected a number, got 'NaN'"),
        ("[[1, true]]", "kernel '[[1, true]]': row 1, column 2: expected a number, got 'true'"),
        (
            "box:size=4000|4001",
            "'box:size=4000|4001' makes more than 16,777,216 weights (use fewer or smaller kernels)",
        ),
        ("gabor:theta=4\n5", "gabor: theta must be a number of degrees, got '4\\n5'"),
        ("kernels/none.txt", "kernels/none.txt: no such file"),
        ("kernels/none.doc", "'kernels/none.doc' is no kernel file (a kernel file ends in .yaml, .yml, .json, .csv"),
        ("C:\\none", "'C:\\\\none' is no kernel file"),
        ("none.doc", "'none.doc' is no kernel file (a kernel file ends in .yaml, .yml, .json, .csv, .tsv, .txt, .mat"),
        ("photo.png", "'photo.png' is no kernel file (a picture is no kernel: it stands before -k)"),
        ("a/photo.JPG", "'a/photo.JPG' is no kernel file (a picture is no kernel: it stands before -k)"),
        ("weights.pt", "'weights.pt' is no kernel file (save its tensors as .safetensors, or one as .npy)"),
        ("k.xlsx", "'k.xlsx' is no kernel file (save the sheet as .csv)"),
        ("x" * 10_000, "unknown kernel 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...'"),
        ("1 " * 300_000, "kernel '1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1...': 300000 columns are more than the 4095"),
        ("log:sigma=1e-120", "log: these parameters give weights that are not finite"),
    ],
)
def test_refused(spec, message):
    with pytest.raises(CnnFilterError) as caught:
        load_kernels(spec)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize(
    ("name", "offered"),
    [
        ("edge", ["edge-detect", "sobel", "laplacian-4"]),
        ("gradient", ["sobel", "scharr-x", "central-x"]),
        ("sharp", ["sharpen", "unsharp", "detail"]),
        ("laplace", ["laplacian-4", "laplacian-8", "log"]),
        ("line", ["line-horizontal", "line-vertical", "bank:lines"]),
        ("sobell-x", ["sobel-x", "sobel-xy", "sobel-xx"]),
        ("prewit", ["bank:prewitt", "prewitt-y", "prewitt-x"]),
        ("shadow", ["bank:imagej-shadows", "imagej-shadow-e", "imagej-shadow-n"]),
        ("average-blur", ["box"]),
        ("pascal", []),
    ],
)
def test_a_name_that_is_none_gets_the_nearest(name, offered):
    with pytest.raises(UnknownNameError) as caught:
        load_kernels(name)
    hint = f"did you mean {' or '.join(offered)}?" if offered else "cnnfilter kernels list shows all"
    assert str(caught.value) == f"unknown kernel '{name}' ({hint})"


@pytest.mark.parametrize(
    ("spec", "note"),
    [
        ("sobel", "'sobel' alone is one kernel; bank:sobel is all of them: sobel-x, sobel-y"),
        ("roberts", "'roberts' alone is one kernel; bank:roberts is all of them: roberts-1, roberts-2"),
        ("blur", "'blur' is box here (others: gaussian, motion)"),
        ("-1,-1,-1,-1,8,-1,-1,-1,-1", "9 numbers in a row make a kernel of 1 x 9 (rows end in ;)"),
        ("1 1 1 1", "4 numbers in a row make a kernel of 1 x 4 (rows end in ;)"),
        ("1 " * 25, "25 numbers in a row make a kernel of 1 x 25 (rows end in ;)"),
        ("[" + "1, " * 49 + "]", "49 numbers in a row make a kernel of 1 x 49 (rows end in ;)"),
    ],
)
def test_a_choice_that_is_made_for_the_user_is_said(spec, note):
    (kernel,) = load_kernels(spec)
    assert kernel.warnings == (note,)


def test_a_flat_matrix_of_a_file_is_said_to_be_a_row(tmp_path):
    path = tmp_path / "k.yaml"
    path.write_text("kernels:\n  flat: [-1, -1, -1, -1, 8, -1, -1, -1, -1]\n  row: [[1, 1, 1, 1]]\n  text: 1 1 1 1\n")
    notes = [kernel.warnings for kernel in load_kernels(str(path))]
    assert notes == [
        ("9 numbers in a row make a kernel of 1 x 9 (rows end in ;)",), (),
        ("4 numbers in a row make a kernel of 1 x 4 (rows end in ;)",),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "spec", ["sobel-x", "sobel:dx=0,dy=1", "emboss", "box", "gauss", "1 2 1", "1 2; 3 4", "bank:sobel"]
)
def test_what_is_plain_needs_no_note(spec):
    assert [kernel.warnings for kernel in load_kernels(spec)] in ([()], [(), ()])


def test_sizes_that_cut_too_much_warn():
    (kernel,) = load_kernels("gaussian:sigma=5,size=9")
    assert kernel.warnings == ("gaussian: size 9x9 cuts off 60.1% of it (use a larger size)",)
    assert load_kernels("gaussian:sigma=5")[0].warnings == ()
    assert load_kernels("gaussian:sigma=2,size=1,13")[0].warnings == ()
    assert load_kernels("gabor:sigma=3,size=9")[0].warnings[0].startswith("gabor: size 9x9 cuts off ")
    assert load_kernels("gabor:sigma=3,size=19")[0].warnings == ()
    assert load_kernels("log:sigma=3,size=11")[0].warnings[0].startswith("log: size 11x11 cuts off ")
    assert load_kernels("unsharp:sigma=3,size=5")[0].warnings[0].startswith("unsharp: size 5x5 cuts off ")


def test_a_users_file(tmp_path):
    path = tmp_path / "my#own kernels.yaml"
    path.write_text(
        """
kernels:
  edge: 0 1 0; 1 -4 1; 0 1 0
  Soft_Blur:
    title: A soft blur
    outer: {column: 1 2 1, row: [1, 2, 1]}
    scale: 1/16
  tilted:
    spec: soft-blur:rotate=45
  wave:
    generator: gabor
    parameters: {wavelength: 4, theta: 30}
    variants:
      slow: {parameters: {wavelength: 12}}
      flat: {matrix: 1 1, offset: 3}
banks:
  all: {kernels: [edge, 'wave:theta=0|90', bank:sobel]}
"""
    )
    assert names(str(path)) == ["edge", "soft-blur", "tilted", "wave"]
    assert (
        load_kernel(f"{path}#Soft-blur").weights.tolist() == (np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]]) / 16).tolist()
    )
    assert load_kernel(f"{path}#edge:scale=2").weights[1, 1] == -8
    assert names(f"{path}#all") == ["edge", "wave-theta0", "wave-theta90", "sobel-x", "sobel-y"]
    np.testing.assert_array_equal(
        load_kernel(f"{path}#wave:variant=slow").weights, load_kernel("gabor:wavelength=12,theta=30").weights
    )
    flat = load_kernel(f"{path}#wave:variant=flat")
    assert (flat.weights.tolist(), flat.offset) == ([[1, 1]], 3)
    assert [kernel.spec for kernel in load_kernels(f"{path}#all")] == [
        f"{path}#edge",
        f"{path}#wave:theta=0",
        f"{path}#wave:theta=90",
        "sobel-x",
        "sobel-y",
    ]
    assert names(f"{path}#wave:theta=0|45") == ["wave-theta0", "wave-theta45"]
    for kernel in load_kernels(str(path)):
        np.testing.assert_array_equal(load_kernels(kernel.spec)[0].weights, kernel.weights)
    with pytest.raises(UnknownNameError, match=re.escape("no kernel 'edgee' in it (did you mean edge?)")):
        load_kernels(f"{path}#edgee")
    with pytest.raises(ParameterError, match="only arrays take"):
        load_kernels(f"{path}#edge[0]")


@pytest.mark.parametrize(
    ("name", "text"), [("a.json", "[[0, 1], [2, 3]]"), ("a.yaml", "0 1;\n2 3"), ("a.yml", "- [0, 1]\n- [2, 3]")]
)
def test_a_file_that_is_just_a_matrix(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    (kernel,) = load_kernels(str(tmp_path / name))
    assert (kernel.name, kernel.weights.tolist()) == ("a", [[0, 1], [2, 3]])


def test_a_file_of_banks_alone(tmp_path):
    (tmp_path / "b.yaml").write_text("banks:\n  two: {kernels: [sobel-x, sobel-y]}\n")
    assert names(str(tmp_path / "b.yaml")) == ["sobel-x", "sobel-y"]


def test_banks_may_hold_banks_but_not_themselves(tmp_path):
    path = tmp_path / "b.yaml"
    path.write_text("banks:\n  a: {kernels: ['bank:b', sobel-y]}\n  b: {kernels: ['bank:sobel']}\n")
    assert names(f"{path}#a") == ["sobel-x", "sobel-y", "sobel-y-2"]
    path.write_text("banks:\n  a: {kernels: ['bank:b']}\n  b: {kernels: ['bank:a']}\n")
    with pytest.raises(KernelFileError, match="specs lead to one another in a circle") as caught:
        load_kernels(f"{path}#a")
    assert str(caught.value).count("b.yaml") == 1


def test_missing_files():
    for spec in ("none.yaml", "none.json#x", "none.npy", "none.npz#a", "none.safetensors#w"):
        with pytest.raises(KernelFileError, match="no such file"):
            load_kernels(spec)


def test_naughty_strings_as_specs_and_as_names(tmp_path, monkeypatch):
    """Each is refused in one line or means harmless kernels, and no name leads out of a folder."""
    monkeypatch.chdir(tmp_path)
    lines = (corpora.corpus("naughty-strings") / "blns.txt").read_text(encoding="utf-8").splitlines()
    assert len(lines) > 500
    for text in lines:
        inside = (f"sobel-x:name={text}", f"gabor:theta={text}", f"gabor:{text}=3")
        alone = (text, f"bank:{text}", f"1 2; {text}", f"mine.yaml#{text}", f"w.npz#{text}")  # need no folder
        for spec in (*inside, *alone):
            try:
                found = load_kernels(spec, search=None if spec in inside else [])
            except CnnFilterError as error:
                message = str(error)
            else:
                message = ""
                for kernel in found:
                    assert re.fullmatch(r"\w[\w.+-]{0,110}", kernel.name), (text, kernel.name)
            assert "\n" not in message, (spec, message)
    assert list(tmp_path.iterdir()) == []
