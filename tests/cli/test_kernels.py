"""The kernel library from the command line."""

import json

import numpy as np
import pytest

GOOD = "kernels:\n  mine:\n    matrix: 1 2; 3 4\n"
BAD_YAML = """kernels:
  good:
    title: fine
    matrix: 1 2 1; 2 4 2; 1 2 1
  edge:
    title: My edge
    matrx: 0 -1 0; -1 4 -1; 0 -1 0
"""
BAD_JSON = """{"kernels": {
  "edge": {
    "title": "x",
    "matrix": [
      [0, 1, 0],
      [1, -4, 1],
      [0, "one", 0]
    ]
  }
}}
"""


def test_list_and_search(cnnfilter_run):
    names = cnnfilter_run("kernels", "list", "-q").out.split()
    assert {"sobel-x", "gaussian", "gabor", "bank:laws-5"} <= set(names)
    assert set(cnnfilter_run("kernels", "list", "sobel", "-q").out.split()) >= {"sobel-x", "sobel-y"}
    family = json.loads(cnnfilter_run("kernels", "list", "--family", "gradient", "--json").out)["kernels"]
    assert {row["family"] for row in family} == {"gradient"}
    assert all(row["source"] for row in family)
    assert "sobel-x" in cnnfilter_run("kernels", "list").out


def test_unknown_family(cnnfilter_run):
    done = cnnfilter_run("kernels", "list", "--family", "gradien")
    assert done.code == 2
    assert "did you mean gradient" in done.err


def test_show(cnnfilter_run):
    assert "1/16" in cnnfilter_run("kernels", "show", "gaussian-3x3").out
    row = json.loads(cnnfilter_run("kernels", "show", "sobel-x", "--json").out)["kernels"][0]
    assert row["weights"] == [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]


def test_path_and_own_folder(cnnfilter_run, tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "mine.yaml").write_text(GOOD)
    assert cnnfilter_run("kernels", "path", "--kernel-dir", "own").out.splitlines()[0] == "own"
    assert "mine" in cnnfilter_run("kernels", "list", "--kernel-dir", "own", "-q").out.split()
    by_variable = cnnfilter_run("kernels", "show", "mine", env={"CNNFILTER_KERNELS": "own"})
    assert by_variable.code == 0


def test_check(cnnfilter_run, tmp_path):
    assert cnnfilter_run("kernels", "check").code == 0
    (tmp_path / "good.yaml").write_text(GOOD)
    done = cnnfilter_run("kernels", "check", "good.yaml")
    assert (done.code, done.out) == (0, "good.yaml: 1 kernel, all well\n")


def test_check_reads_arrays_too(cnnfilter_run, tmp_path):
    np.save(tmp_path / "good.npy", np.ones((4, 1, 3, 3)))
    (tmp_path / "bad.npy").write_bytes(b"not an array")
    done = cnnfilter_run("kernels", "check", "good.npy", "bad.npy")
    assert (done.code, done.out) == (2, "good.npy: 4 kernels, all well\n")
    assert done.err.startswith("cnnfilter: error: 'bad.npy': is not a .npy array")


CHECKED = {
    "k.csv": ("1,0,-1\n2,0,-2\n", "k.csv: 1 kernel, all well"),
    "k.txt": ("1 2\n3 4\n\n5 6\n7 8\n", "k.txt: 2 kernels, all well"),
    "k.mat": ("3 1 4 0\n1 2 1\n", "k.mat: 1 kernel, all well"),
    "k.json": ("[[1, 2], [3, 4]]", "k.json: 1 kernel, all well"),
    "1 2; 3 4": (None, "1 2; 3 4: 1 kernel, all well"),
    "bank:sobel": (None, "bank:sobel: 2 kernels, all well"),
}
REFUSED = {
    "junk.txt": ("what is this\n", "'junk.txt:1': row 1, column 1: expected a number, got 'what'"),
    "binary.txt": ("\0\1\2", "'binary.txt': not text: it holds null characters (a kernel file of numbers is text)"),
    "ragged.csv": ("1,2\n3\n", "'ragged.csv:2': row 2 has 1 values, expected 2"),
    "empty.csv": ("", "'empty.csv': holds no numbers"),
    "number.json": ("5", "'number.json:1': expected kernels: or a matrix, got 5"),
    "list.json": ('{"kernels": [1]}', "'list.json:1': kernels: expected a mapping, got a list"),
    "five.json": ('{"kernels": 5}', "'five.json:1': kernels: expected a mapping, got 5"),
    "banks.json": ('{"banks": {"b": 3}}', "'banks.json:1': banks.b: expected a mapping, got 3"),
    "pair.json": ('{"\\udfaa": 1}', "'pair.json"),
    "photo.png": ("", "'photo.png': is no kernel file (a picture is no kernel: it stands before -k)"),
    "gone.yaml": (None, "'gone.yaml': no such file"),
    "gone.csv": (None, "'gone.csv': no such file"),
    "1 2; 3": (None, "kernel '1 2; 3': row 2 has 1 values, expected 2"),
    "edge": (None, "unknown kernel 'edge' (did you mean edge-detect or sobel or laplacian-4?)"),
    "none": (None, "'none': the folder holds no kernel files (.yaml, .yml or .json)"),
}


def test_check_reads_all_that_a_kernel_may_be(cnnfilter_run, tmp_path):
    for name, (text, _) in CHECKED.items():
        if text is not None:
            (tmp_path / name).write_text(text)
    done = cnnfilter_run("kernels", "check", *CHECKED)
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [line for _, line in CHECKED.values()]


def test_check_says_what_is_wrong_with_each(cnnfilter_run, tmp_path):
    (tmp_path / "none").mkdir()
    for name, (text, _) in REFUSED.items():
        if text is not None:
            (tmp_path / name).write_text(text)
    done = cnnfilter_run("kernels", "check", *REFUSED)
    assert (done.code, done.out) == (2, "")
    lines = done.err.splitlines()
    assert len(lines) == len(REFUSED)
    for line, (_, message) in zip(lines, REFUSED.values(), strict=True):
        assert line.startswith(f"cnnfilter: error: {message}")


def test_check_of_an_archive_takes_every_array(cnnfilter_run, tmp_path):
    np.savez(tmp_path / "w.npz", conv=np.ones((4, 1, 3, 3)), bias=np.ones(4), steps=np.array(7))
    np.savez(tmp_path / "none.npz", a=np.array(7), b=np.ones((1, 1, 1, 1, 1)))
    done = cnnfilter_run("kernels", "check", "w.npz", "none.npz")
    assert (done.code, done.out) == (2, "w.npz: 5 kernels, all well\n")
    assert done.err == (
        "cnnfilter: error: 'none.npz': 'a' has 0 axes, expected (kH, kW), (C, kH, kW) or (K, C, kH, kW)\n"
    )


def test_check_of_very_many_mistakes_lists_the_first_hundred(cnnfilter_run, tmp_path):
    rows = "".join(f"  k{index}: {{title: t, matrx: 1}}\n" for index in range(2000))
    (tmp_path / "many.yaml").write_text(f"kernels:\n{rows}  good: 1 2 1\n")
    lines = cnnfilter_run("kernels", "check", "many.yaml").err.splitlines()
    assert len(lines) == 101
    assert lines[99] == "cnnfilter: error: 'many.yaml:101': kernels.k99: unknown key 'matrx' (did you mean matrix?)"
    assert lines[100] == (
        "cnnfilter: error: 'many.yaml': mistakes in 1,900 more kernels and banks (the first ones are listed)"
    )


def test_banks_of_banks_are_bounded(cnnfilter_run, tmp_path):
    banks = [f"  b{n}: {{kernels: [{', '.join([f'bank:b{n + 1}'] * 10)}]}}\n" for n in range(5)]
    (tmp_path / "grow.yaml").write_text("banks:\n" + "".join(banks) + "  b5: {kernels: [box]}\n")
    done = cnnfilter_run("kernels", "show", "grow.yaml#b1")
    assert done.code == 2
    assert done.err.endswith("bank:b1 holds more than 4,096 kernels (use smaller banks)\n")
    assert cnnfilter_run("kernels", "check", "grow.yaml").code == 2


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["bank"], {"bank:sobel", "bank:laws-5"}),
        (["banks", "kirsch"], {"bank:kirsch"}),
        (["curve"], {"smile-corner"}),
        (["dx"], {"sobel"}),
    ],
)
def test_search_looks_at_banks_and_descriptions(cnnfilter_run, words, names):
    found = set(cnnfilter_run("kernels", "list", *words, "-q").out.split())
    assert names <= found
    assert "bank" not in words or all(name.startswith("bank:") for name in found)


MANY_MISTAKES = """\
kernels:
  a:
    matrix: "1 2; 3"
  b:
    titel: x
    famly: y
    matrix: "1 x"
  c:
    generator: gaussian
    parameters: {sigma: -1}
  d:
    matrix: 1 2
    variants:
      opencv: {scael: 2}
  good: 1 2
banks:
  e:
    kernels: []
  f:
    kernels: [nothing-like-it, good]
"""


def test_check_lists_every_mistake(cnnfilter_run, tmp_path):
    (tmp_path / "many.yaml").write_text(MANY_MISTAKES)
    done = cnnfilter_run("kernels", "check", "many.yaml")
    assert (done.code, done.out) == (2, "")
    found = [line.removeprefix("cnnfilter: error: 'many.yaml:") for line in done.err.splitlines()]
    assert [line.partition(":")[0] for line in found] == ["3'", "5'", "6'", "7'", "14'", "18'", "10'", "20'"]
    assert "kernels.c.parameters: gaussian: sigma must be > 0" in done.err
    assert "unknown kernel 'nothing-like-it' (cnnfilter kernels list shows all)" in done.err


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("bad.yaml", BAD_YAML, "'bad.yaml:7': kernels.edge: unknown key 'matrx' (did you mean matrix?)"),
        ("bad.json", BAD_JSON, "'bad.json:7': kernels.edge.matrix: row 3, column 2: expected a number, got 'one'"),
    ],
)
def test_a_mistake_in_line_7(cnnfilter_run, tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    done = cnnfilter_run("kernels", "check", name)
    assert done.code == 2
    assert done.err == f"cnnfilter: error: {message}\n"
    assert cnnfilter_run("convolve", "x.png", "-k", f"{name}#edge").code == 2
