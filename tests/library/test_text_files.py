"""Kernels from rows of numbers in text files."""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pytest

import cnnfilter
from cnnfilter.errors import CnnFilterError, KernelFileError, UnknownNameError
from cnnfilter.library import load_kernel, load_kernels

ONE_TO_SIX = [[1, 2, 3], [4, 5, 6]]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(name, text):
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return name

    return write


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("k.csv", "1,2,3\n4,5,6\n"),
        ("k.csv", "\ufeff1, 2, 3\r\n4, 5, 6\r\n\r\n"),
        ("k.csv", "1;2;3\n4;5;6"),
        ("k.csv", "1,2,3,\n4,5,6,\n"),
        ("k.csv", '"1","2","3"\n"4","5","6"\n'),
        ("k.csv", "1;2;3\n4;5;6".encode("utf-16")),
        ("K.CSV", "1,2,3\n4,5,6\n"),
        ("k.tsv", "1\t2\t3\n4\t5\t6\n"),
        ("k.txt", "  1.000000000000000000e+00 2.0 3\n4 5 6\n"),
        ("k.txt", "1 2 3; 4 5 6"),
        ("k.txt", "1 2 3;\n4 5 6;\n"),
        ("k.txt", "# a comment\n\n1 2 3 # the first row\n% another\n4 5 6 % the second\n\n"),
        ("k.txt", "\n1 2 3\n\n4 5 6\n\n"),
        ("k.txt", "2/2 4/2 3\n8/2 5 6\n"),
        ("k.txt", "[1 2 3; 4 5 6]\n"),
        ("k.txt", "% MATLAB\nk = [1 2 3 % first\n     4 5 6];\n"),
        ("k.txt", "[[1. 2. 3.]\n [4. 5. 6.]]\n"),
        ("k.txt", "# name: k\n# type: matrix\n# rows: 2\n# columns: 3\n 1 2 3\n 4 5 6\n\n\n"),
        ("k.mat", "3 2\n1 2 3\n4 5 6\n"),
        ("k.mat", "3 2 2 0\n2 4 6\n8 10 12\n"),
        ("k.mat", "3,2,0.5\n0.5,1,1.5\n2,2.5,3\n"),
    ],
)
def test_one_kernel_in_many_files(here, name, text):
    (kernel,) = load_kernels(here(name, text))
    assert kernel.weights.tolist() == ONE_TO_SIX
    assert (kernel.name.lower(), kernel.spec, kernel.origin, kernel.warnings) == ("k", name, name, ())
    assert np.array_equal(load_kernel(kernel.spec).weights, kernel.weights)
    (scaled,) = load_kernels(f"{name}:scale=2,rotate=180")
    assert scaled.weights.tolist() == [[12, 10, 8], [6, 4, 2]]


def test_what_numpy_saves_comes_back(here):
    weights = np.random.default_rng(1).normal(size=(5, 4))
    for name, words in (("a.txt", {}), ("b.csv", {"delimiter": ","}), ("c.txt", {"header": "3 x 4", "fmt": "%.17g"})):
        np.savetxt(here(name, ""), weights, **words)
        assert np.array_equal(load_kernels(name)[0].weights, weights)


def test_the_matrix_file_of_libvips(here):
    (kernel,) = load_kernels(here("blur.mat", "3 3 9 0\n1 1 1\n1 1 1\n1 1 1\n"))
    assert kernel.weights.tolist() == [[1 / 9] * 3] * 3
    (shifted,) = load_kernels(here("emboss.mat", "3 1 2 128\n-1 0 1\n"))
    assert shifted.weights.tolist() == [[-0.5, 0, 0.5]]
    assert shifted.warnings == ("emboss.mat: its offset 128 is not part of the kernel (--bias 128 adds it)",)


def test_blank_lines_part_kernels(here):
    text = "# first\n1 2\n3 4\n\n\n5 6 7\n8 9 10\n"
    found = load_kernels(here("bank.txt", text))
    assert [(kernel.name, kernel.spec, kernel.shape) for kernel in found] == [
        ("bank-0", "bank.txt#0", (2, 2)), ("bank-1", "bank.txt#1", (2, 3)),
    ]  # fmt: skip
    assert load_kernel("bank.txt#1").weights.tolist() == [[5, 6, 7], [8, 9, 10]]
    with pytest.raises(UnknownNameError, match=r"'bank.txt': no matrix '2' in it \(it holds 0, 1\)"):
        load_kernels("bank.txt#2")


def test_a_stack_that_this_program_dumped(here):
    text = "map,row,0,1\nblur,0,1,2\nblur,1,3,4\nedge,0,5,6\n"
    found = load_kernels(here("maps.csv", text))
    assert [(kernel.name, kernel.spec) for kernel in found] == [("blur", "maps.csv#blur"), ("edge", "maps.csv#edge")]
    assert load_kernel("maps.csv#edge").weights.tolist() == [[5, 6]]


def test_a_guess_is_said(here):
    (row,) = load_kernels(here("row.csv", "1;2;1\n"))
    assert row.shape == (1, 3)
    assert "; parts the numbers of its one row" in row.warnings[0]
    (nine,) = load_kernels(here("nine.txt", "-1 -1 -1 -1 8 -1 -1 -1 -1\n"))
    assert nine.warnings == ("9 numbers in a row make a kernel of 1 x 9 (rows end in ;)",)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("k.csv", "", "k.csv: holds no numbers"),
        ("k.csv", "# nothing\n", "k.csv: holds no numbers"),
        ("k.csv", "1,2\n3\n", "k.csv:2: row 2 has 1 values, expected 2"),
        ("k.txt", "# one\n1 2\n\n3 4\n5\n", "k.txt:5: row 2 has 1 values, expected 2"),
        ("k.csv", "a,b\n1,2\n", "k.csv:1: row 1, column 1: expected a number, got 'a'"),
        ("k.csv", "1,2\n#N/A,4\n", "k.csv:2: #N/A is no number"),
        ("k.csv", "1,#DIV/0!\n3,4\n", "k.csv:1: #DIV/0! is no number"),
        ("k.csv", "1,,2\n3,4,5\n", "k.csv:1: '1,,2' has nothing between two commas"),
        ("k.csv", "1;;2\n3;4;5\n", "k.csv:1: '1;;2' has nothing between two semicolons"),
        ("k.csv", "0,5;1,5\n2;3\n", "k.csv:1: '0,5;1,5' has decimal commas"),
        ("k.txt", "0,5 1,5\n2,5 3,5\n", "k.txt:1: '0,5 1,5' has commas and spaces between its numbers"),
        ("k.txt", "50 % 20 %\n", "k.txt:1: row 1, column 2: expected a number, got '%'"),
        ("k.txt", "1 2\n3 nan\n", "k.txt:2: row 2, column 2: expected a number, got 'nan'"),
        ("k.txt", "1 2\n3 1e999\n", "k.txt:2: row 2, column 2: expected a finite number, got '1e999'"),
        ("k.txt", b"\x89PNG\r\n\x1a\n\0\0", "k.txt: not text: invalid start byte at byte 0"),
        ("k.txt", b"1 2\0 3", "k.txt: not text: it holds null characters"),
        ("k.txt", "what is this\n", "k.txt:1: row 1, column 1: expected a number, got 'what'"),
        ("k.txt", "[1 2; 3\n", "k.txt:1: '[1 2; 3' lacks its closing bracket"),
        ("k.txt", "3 3 9 0\n1 1 1\n1 1 1\n1 1 1\n", "(a matrix of libvips, which begins with columns and rows"),
        ("k.txt", "1 " * 5000, "k.txt:1: 5000 columns are more than the 4095 a kernel may have"),
        ("k.txt", "1 " * 9_000_000, "k.txt: longer than 16,777,216 bytes"),
        ("k.mat", "1 2 1\n2 4 2\n1 2 1\n", "its first line says 2 of 1 (columns come first in libvips)"),
        ("k.mat", "0 -1 0\n-1 5 -1\n0 -1 0\n", "k.mat:1: got '0 -1 0' (the first line of libvips's .mat is"),
        ("k.mat", "3 2\n1 2\n3 4\n5 6\n", "k.mat:1: holds 3 rows of 2, and its first line says 2 of 3"),
        ("k.mat", "3 1 0 0\n1 2 1\n", "k.mat:1: its scale is 0"),
        ("k.mat", "3 3\n", "k.mat: "),
        ("k.mat", b"MATLAB 5.0 MAT-file, Platform: GLNXA64" + bytes(200), "k.mat: is MATLAB's binary format"),
        ("k.mat", b"\x89HDF\r\n\x1a\n" + bytes(20), "k.mat: is MATLAB's binary format"),
    ],
)  # fmt: skip
def test_what_is_no_kernel(here, name, text, message):
    with pytest.raises(KernelFileError) as caught:
        load_kernels(here(name, text))
    assert message in str(caught.value)
    assert str(caught.value).startswith(name)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("spec", ["gone.csv", "folder.csv", "k.csv#name", "k.csv#[0]", "k.csv:nonsense"])
def test_specs_that_mean_nothing(here, tmp_path, spec):
    here("k.csv", "1,2\n")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(CnnFilterError):
        load_kernels(spec)


@pytest.mark.skipif(shutil.which("vips") is None, reason="needs libvips's program")
def test_a_matrix_means_what_libvips_makes_of_it(here):
    image = np.random.default_rng(5).integers(0, 256, (20, 24)).astype(np.float64)
    np.savetxt(here("image.csv", ""), image, fmt="%d", delimiter=",")
    here("k.mat", "3 2 4 10\n1 2 3\n-1 0 5\n")
    subprocess.run(["vips", "conv", "image.csv", "out.csv", "k.mat", "--precision", "float"], check=True)
    theirs = np.loadtxt("out.csv")[1:, 1:-1]  # the middle of an even side is its later cell
    ours = cnnfilter.conv2d(image, load_kernel("k.mat")) + 10
    np.testing.assert_allclose(theirs, ours, rtol=0, atol=1e-4)
