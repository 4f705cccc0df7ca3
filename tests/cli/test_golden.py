"""Golden vectors: a testbench agrees with them, and nothing that was changed is overlooked."""

import json
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
SEVEN = ROOT / "samples" / "digits" / "digit-7.png"
KERNEL = "1 -2 3; -4 5 -6; 7 -8 9"


def numbers(folder, row):
    """Read a file of words by its manifest alone, without this program."""
    words = [int(line, 16) for line in (folder / row["file"]).read_text().splitlines() if not line.startswith("//")]
    half = 2 ** (row["word"] - 1)
    values = [word - 2 * half if row["signed"] and word >= half else word for word in words]
    return np.array(values).reshape(row["shape"])


def read(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    return manifest, {row["file"]: numbers(folder, row) for row in manifest["files"]}


@pytest.mark.parametrize("flip", [False, True])
def test_the_files_alone_give_the_map(cnnfilter_run, tmp_path, flip):
    """A naive loop over what is in the folder, by what the manifest says."""
    folder = tmp_path / "v"
    words = ["-k", KERNEL, "-s", "2,1", "-p", "1,0,2,1", "-d", "1,2", *(["--flip"] if flip else [])]
    done = cnnfilter_run("convolve", SEVEN, *words, "--dtype", "int32", "--bias", "-5", "--golden", folder)
    assert (done.code, done.err) == (0, "")
    assert "wrote 5 files" in done.out
    manifest, arrays = read(folder)
    (layer,) = manifest["kernels"]
    pads, (down, across), (far, wide) = layer["padding"], layer["stride"], layer["dilation"]
    image, weights, bias, expected = (arrays[f"{name}.mem"] for name in ("input", "weights", "bias", "expected"))
    padded = np.pad(image[0], ((pads["top"], pads["bottom"]), (pads["left"], pads["right"])))
    for row, column in np.ndindex(expected.shape[1:]):
        rows, columns = row * down + far * np.arange(3), column * across + wide * np.arange(3)
        window = padded[np.ix_(rows, columns)]
        assert expected[0, row, column] == (window * weights[0, 0]).sum() + bias[0]
    turned = np.array([[int(cell) for cell in line.split()] for line in KERNEL.split(";")])
    assert np.array_equal(weights[0, 0], turned[::-1, ::-1] if flip else turned)


def test_what_follows_has_its_sums_beside_it(cnnfilter_run, tmp_path):
    words = ["-k", "sobel-x", "-k", "sobel-y", "--dtype", "int32", "-a", "relu", "--requantize", "0.1|0.2,-3:int8"]
    assert cnnfilter_run("convolve", SEVEN, *words, "--golden", tmp_path / "v", "-q").code == 0
    manifest, arrays = read(tmp_path / "v")
    for layer, scale in zip(manifest["kernels"], (0.1, 0.2), strict=True):
        sums = np.maximum(arrays[f"{layer['name']}.sums.mem"], 0)
        wanted = [min(max(round(int(one) * Fraction(scale)) - 3, -128), 127) for one in sums.ravel()]
        assert arrays[f"{layer['name']}.expected.mem"].ravel().tolist() == wanted
        assert layer["requantize"]["scales"] == [scale]
        assert layer["activation"]["name"] == "relu"


@pytest.mark.parametrize("form", ["mem", "coe", "h", "bin"])
def test_folders_are_compared_file_by_file(cnnfilter_run, tmp_path, form):
    words = ["convolve", SEVEN, "-k", KERNEL, "--dtype", "int64", "-q", "-f", form]
    for name, more in (("a", []), ("b", ["--order", "hwc"]), ("c", ["--bias", "1"])):
        assert cnnfilter_run(*words, *more, "--golden", tmp_path / name).code == 0
    assert cnnfilter_run("compare", tmp_path / "a", tmp_path / "b").code == 0
    done = cnnfilter_run("compare", tmp_path / "a", tmp_path / "c", "--json")
    assert done.code == 1
    assert [one["name"] for one in json.loads(done.out)["arrays"] if not one["same"]] == ["bias", "expected"]
    path = tmp_path / "a" / f"expected.{form}"
    data = bytearray(path.read_bytes())
    data[-5 if form != "h" else -40] ^= 1
    path.write_bytes(data)
    done = cnnfilter_run("compare", tmp_path / "a", tmp_path / "b")
    assert done.code == 3
    assert f"expected.{form}" in done.err


def test_what_a_simulator_wrote_is_compared(cnnfilter_run, tmp_path):
    words = ["convolve", SEVEN, "-k", KERNEL, "--dtype", "int32", "-q"]
    assert cnnfilter_run(*words, "--golden", tmp_path / "v").code == 0
    expected = tmp_path / "v" / "expected.mem"
    words = expected.read_text().splitlines()[1:]
    (tmp_path / "sim.mem").write_text("// 0x00000000\n" + "\n".join(words))
    assert cnnfilter_run("compare", expected, tmp_path / "sim.mem").code == 0
    words[7] = f"{(int(words[7], 16) + 1) % 2**32:08x}"
    (tmp_path / "sim.mem").write_text("\n".join(words))
    done = cnnfilter_run("compare", tmp_path / "sim.mem", expected, "--json")
    assert done.code == 1
    assert json.loads(done.out)["at"] == [0, 1, 1]
    alone = cnnfilter_run("compare", tmp_path / "sim.mem", tmp_path / "sim.mem")
    assert alone.code == 3
    assert "says nothing of the shape" in alone.err


def test_a_folder_of_its_own(cnnfilter_run, tmp_path):
    words = ["convolve", SEVEN, "--dtype", "int32", "--golden", tmp_path / "v", "-q"]
    assert cnnfilter_run(*words, "-k", "sobel-x", "-k", "sobel-y").code == 0
    assert cnnfilter_run(*words, "-k", KERNEL, "-f", "h").code == 0  # takes the place of the others
    assert sorted(path.name for path in (tmp_path / "v").iterdir()) == [
        "bias.h", "expected.h", "input.h", "manifest.json", "weights.h",
    ]  # fmt: skip
    (tmp_path / "v" / "mine.txt").write_text("mine")
    done = cnnfilter_run(*words, "-k", KERNEL)
    assert done.code == 2
    assert "holds mine.txt" in done.err
    assert (tmp_path / "v" / "expected.h").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-k", "sobel-x", "--golden", "v"], "exact, not float32"),
        (["-k", "sobel-x", "--dtype", "int32", "--golden", "v", "-f", "npy"], "format of golden vectors 'npy'"),
        (["-k", "sobel-x", "--dtype", "int32", "--golden", "v", "-o", "x.mem"], "leave out -o"),
        (["-k", "sobel-x", "--dtype", "int32", "--golden", "v", "--word", "9"], "words have 8, 16, 32 bits"),
        (["-k", "100 100", "--dtype", "int32", "--golden", "v", "--word", "8"], "--word 32"),
        (["-k", "sobel-x", "--word", "8"], "--word and --order are for"),
        (["-k", "box", "-f", "mem"], "words are whole numbers"),
        (["-k", "sobel-x", "-k", "sobel-y", "--combine", "max", "--dtype", "int32", "--golden", "v"], "--combine"),
    ],
)
def test_what_makes_no_vectors(cnnfilter_run, tmp_path, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    done = cnnfilter_run("convolve", SEVEN, *words)
    assert done.code in (2, 3)
    assert said in done.err
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.skipif(shutil.which("iverilog") is None, reason="no Icarus Verilog")
@pytest.mark.parametrize("changed", [False, True])
def test_a_testbench_reads_them_and_agrees(cnnfilter_run, tmp_path, changed):
    folder = tmp_path / "v"
    words = ["convolve", SEVEN, "-k", KERNEL, "--dtype", "int32", "--bias", "-5", "--golden", folder, "-q"]
    assert cnnfilter_run(*words).code == 0
    if changed:
        lines = (folder / "expected.mem").read_text().splitlines()
        lines[1 + 6 * 2 + 3] = "00000007"
        (folder / "expected.mem").write_text("\n".join(lines))
    sources = sorted((ROOT / "docs" / "golden").glob("*.v"))
    subprocess.run(["iverilog", "-Wall", "-o", tmp_path / "tb", *sources], check=True)
    out = subprocess.run(["vvp", tmp_path / "tb"], cwd=folder, check=True, capture_output=True, text=True).stdout
    assert ("PASS: 36 values" in out) is not changed
    if changed:
        assert "FAIL at row 2, column 3" in out
        assert "1 of 36 values are wrong" in out


@pytest.mark.parametrize("form", ["mem", "coe", "h"])
def test_what_says_itself_what_it_is_is_read_like_any_grid(cnnfilter_run, tmp_path, form):
    path, words = tmp_path / f"map.{form}", ["convolve", SEVEN, "-k", KERNEL, "--dtype", "int32"]
    assert cnnfilter_run(*words, "-f", form, "-o", path, "-q").code == 0
    shown = json.loads(cnnfilter_run("show", path, "--json").out)["results"][0]
    known = json.loads(cnnfilter_run(*words, "--json", "-o", tmp_path / "m.npy").out)["results"][0]
    for key in ("shape", "min", "max", "mean"):
        assert shown[key] == known[key]
    assert cnnfilter_run("compare", path, tmp_path / "m.npy").code == 0
