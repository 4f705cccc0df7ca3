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
