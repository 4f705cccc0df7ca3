"""`run`, `plan NETWORK` and `export` as a user runs them."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from cnnfilter import run_network
from cnnfilter.cli.main import main

SAMPLES = Path(__file__).parents[2] / "samples"
NETWORK = str(SAMPLES / "digits" / "digits.yaml")
SEVEN = str(SAMPLES / "digits" / "digit-7.png")


@pytest.fixture
def program(monkeypatch, tmp_path, capfd):
    """Run the program in an empty folder; return its exit code and what it wrote."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")

    def call(*words):
        with pytest.raises(SystemExit) as stopped:
            main([str(word) for word in words])
        out, err = capfd.readouterr()
        return stopped.value.code or 0, out, err

    return call


def test_the_seven_with_its_table_and_bars(program):
    code, out, err = program("run", NETWORK, SEVEN)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].split() == ["layer", "kind", "output", "parameters", "multiply-adds", "sees", "min", "max", "zeros"]
    assert lines[2].split()[:7] == ["conv1", "conv", "16", "x", "8", "x", "8"]
    assert "4 x 4, every 2" in lines[4]
    assert "10 layers" in out
    assert "6,090" in out
    bars = [line for line in lines if "█" in line]
    assert bars[0].split()[0] == "7"


def test_cat_dog_elephant_by_one_command(program):
    code, out, _ = program("run", SAMPLES / "cat-dog-elephant.yaml", "--json")
    assert code == 0
    scores = json.loads(out)["results"][0]["scores"]
    assert [(score["class"], round(score["probability"], 2)) for score in scores] == [
        ("cat", 0.63), ("dog", 0.31), ("elephant", 0.06),
    ]  # fmt: skip


def test_saved_layers_are_sheets_single_maps_and_dumps(program):
    words = ("--save", "conv*,dense", "-f", "png", "-f", "npy", "--maps", "-o", "out/", "-q")
    code, out, _ = program("run", NETWORK, SEVEN, *words)
    assert (code, out) == (0, "")
    names = {path.name for path in Path("out").iterdir()}
    assert {"digit-7.conv1.png", "digit-7.conv1.npy", "digit-7.conv1.15.png", "digit-7.dense.npy"} <= names
    assert len(names) == 6 + 16 + 32
    assert np.load("out/digit-7.conv1.npy").shape == (16, 8, 8)
    assert np.load("out/digit-7.dense.npy").shape == (10,)
    from cnnfilter import read_image

    assert read_image("out/digit-7.conv1.3.png").shape == (8, 8)


def test_a_folder_is_one_row_a_picture(program):
    for digit in range(3):
        shutil.copy(SAMPLES / "digits" / f"digit-{digit}.png", ".")
    code, out, _ = program("run", NETWORK, ".", "--top", "1")
    assert code == 0
    assert [line.split()[1] for line in out.splitlines()[2:]] == ["0", "1", "2"]


def test_one_broken_picture_does_not_stop_the_others(program):
    Path("broken.png").write_bytes(b"\x89PNG\r\n\x1a\n nothing")
    code, out, err = program("run", NETWORK, "broken.png", SEVEN, "--json")
    assert code == 3
    assert err.count("\n") == 1
    document = json.loads(out)
    assert [one["source"] for one in document["failures"]] == ["broken.png"]
    assert document["results"][0]["scores"][0]["class"] == "7"


def test_a_layer_as_numbers(program):
    code, out, _ = program("run", NETWORK, SEVEN, "--layer", "pool1", "--table", "-q")
    assert code == 0
    assert "pool1, map 15" in out
    code, out, _ = program("run", NETWORK, SEVEN, "--layer", "dense", "--table", "--json")
    (layer,) = json.loads(out)["results"][0]["layers"]
    assert len(layer["values"]) == 10


def test_layers_are_listed_without_a_picture(program):
    code, out, _ = program("run", NETWORK, "--layers")
    assert code == 0
    assert out.splitlines()[2].split() == ["conv1", "conv", "16", "x", "8", "x", "8"]


def test_a_picture_of_another_size_is_made_to_fit_and_said_so(program):
    code, _, err = program("run", NETWORK, SAMPLES / "scene.png")
    assert code == 0
    assert "made 8x8 for the network (stretch)" in err
    code, _, err = program("run", NETWORK, SAMPLES / "scene.png", "--resize", "none")
    assert code == 3
    assert "the network takes 8x8" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("run", NETWORK), "run needs a picture"),
        (("run", NETWORK, SEVEN, "--layer", "covn1"), "no layer 'covn1' (did you mean conv1"),
        (("run", NETWORK, SEVEN, "--save", "nothing"), "no layer 'nothing'"),
        (("run", NETWORK, SEVEN, "--range", "half"), "unknown range 'half'"),
        (("run", NETWORK, SEVEN, "--std", "0"), "std takes one number"),
        (("run", "none.yaml", SEVEN), "'none.yaml': no such file"),
        (("export", NETWORK, "-o", "model.txt"), "does not end in .onnx"),
        (("export", NETWORK, "--size", "3x3"), f"'{NETWORK}': layer 'pool2' (pool) takes 32x1x1 from relu2"),
        (("export", "model.onnx"), "'model.onnx': is an ONNX model already"),
        (("run", NETWORK, SEVEN, "--size", "3x3"), f"'{NETWORK}': layer 'pool2' (pool) takes 32x1x1 from relu2"),
        (("plan", NETWORK, "--size", "3x3"), "layer 'pool2' (pool) takes 32x1x1 from relu2"),
        (("plan", SEVEN, NETWORK), "the network comes first"),
        (("plan", NETWORK, "--stride", "2"), "--stride goes with pictures"),
    ],
)
def test_wrong_words_are_one_line_and_write_nothing(program, words, message):
    code, _, err = program(*words)
    assert code == 2
    errors = [line for line in err.splitlines() if line.startswith("cnnfilter: error: ")]
    assert len(errors) == 1
    assert message in errors[0]
    assert list(Path().iterdir()) == []


def test_outputs_never_replace_the_network_s_own_files(program):
    shutil.copytree(SAMPLES / "digits", "digits")
    before = Path("digits/digits.npz").read_bytes()
    code, _, err = program("run", "digits/digits.yaml", SEVEN, "--save", "dense", "-o", "digits/digits.npz")
    assert code == 2
    assert "is an input, and inputs are never overwritten" in err
    assert Path("digits/digits.npz").read_bytes() == before


def test_the_plan_of_a_network(program):
    code, out, err = program("plan", NETWORK, "--json")
    assert (code, err) == (0, "")
    plan = json.loads(out)
    assert plan["layers"][0]["rows"] == "(8 + 2 - 1*(3-1) - 1) // 1 + 1 = 8"
    assert plan["layers"][5]["receptive_field"] == [10, 10]
    assert plan["layers"][5]["jump"] == [4.0, 4.0]
    assert plan["peak_bytes"] > 4 * plan["parameters"]


def test_the_plan_of_a_convolution_knows_field_drops_and_memory(program):
    _, out, _ = program("plan", "--size", "30x41", "-k", "sobel-x", "-s", "2", "--pool", "max:3:2", "--json")
    (step,) = json.loads(out)["plans"]
    assert step["output"] == [1, 6, 9]
    assert step["receptive field"] == [7, 7]
    assert step["jump"] == [4, 4]
    assert step["dropped by the stride"] == [1, 0]
    assert step["dropped by the pooling"] == [1, 1]
    assert step["peak bytes"] > 30 * 41


def test_the_plan_warns_of_maps_that_vanish(program):
    code, _, err = program("plan", "--size", "4x9", "-k", "sobel-x")
    assert code == 0
    assert "cnnfilter: warning: sobel-x: the maps vanish: 2x7 are left" in err
    code, _, err = program("plan", "--size", "4x9", "-k", "sobel-x", "--pool", "max:3")
    assert code == 2
    assert "nothing is left of the maps" in err
    assert "// 3 + 1 = 0" in err


def test_an_exported_model_runs_the_same(program):
    pytest.importorskip("onnxruntime")
    code, out, _ = program("export", NETWORK, "-o", "d.onnx")
    assert code == 0
    assert "10 layers, checked" in out
    results = [json.loads(program("run", net, SEVEN, "--json")[1])["results"][0] for net in (NETWORK, "d.onnx")]
    ours, theirs = ([score["class"] for score in result["scores"]] for result in results)
    assert ours == theirs
    code, out, _ = program("run", "d.onnx", "--layers", "--layer", "conv*")
    assert [line.split()[0] for line in out.splitlines()[2:]] == ["conv1", "conv2"]


@pytest.mark.parametrize("words", [["-f", "npy"], ["-o", "out"], ["--maps"]])
def test_files_asked_for_without_save_are_those_of_all_layers(program, words):
    assert program("run", NETWORK, SEVEN, *words)[0] == 0
    without = sorted(path.relative_to(Path.cwd()) for path in Path.cwd().rglob("*.*"))
    for path in without:
        path.unlink()
    assert program("run", NETWORK, SEVEN, "--save", "all", *words)[0] == 0
    assert without == sorted(path.relative_to(Path.cwd()) for path in Path.cwd().rglob("*.*"))
    assert len(without) > 5


@pytest.mark.parametrize(
    ("layers", "rows", "columns"),
    [
        (["{kind: conv, kernels: 'box:size=99'}"], 100, 101),  # larger than what is guessed first
        (["{kind: activation, activation: relu}", "{kind: pool, pool: 'max:9000,1'}"], 9001, 1),
        (
            [
                "{kind: conv, kernels: ['1 1', '1 -1']}", "{kind: flatten}", "{kind: dense, weights: [[1, 2, 3, 4]]}",
                "{kind: activation, activation: sigmoid}",
            ], 2, 2,
        ),
    ],
    ids=["a large kernel", "a window that fits nothing", "a dense layer of one size"],
)  # fmt: skip
def test_a_network_of_any_size_saves_all_of_its_layers(program, layers, rows, columns):
    Path("net.yaml").write_text(f"layers: [{', '.join(layers)}]")
    np.save("p.npy", np.random.default_rng(3).random((rows, columns), dtype=np.float32))
    names = list(run_network("net.yaml", "p.npy"))
    assert len(names) == len(layers)
    assert program("run", "net.yaml", "p.npy", "--save", "all", "-f", "npy", "-o", "out/")[0] == 0
    assert {path.name for path in Path("out").iterdir()} == {f"p.{name}.npy" for name in names}
    assert program("run", "net.yaml", "p.npy", "--layer", names[-1])[0] == 0
    assert program("batch", "p.npy", "--network", "net.yaml", "-f", "npy", "-o", "all", "-j", "0")[0] == 0
    assert [path.name for path in Path("all").glob("*.npy")] == [f"p.{names[-1]}.npy"]


def test_an_export_that_takes_more_memory_than_allowed_is_refused_first(program):
    doubled = [f"{{name: c{i}, kind: concat, from: [c{i - 1}, c{i - 1}]}}" for i in range(1, 60)]
    Path("net.yaml").write_text(f"layers: [{{name: c0, kind: dropout}}, {', '.join(doubled)}]")
    code, _, err = program("export", "net.yaml", "--size", "2x2", "-o", "net.onnx")
    assert (code, err.count("\n")) == (4, 1)
    assert "'net.yaml': the network needs" in err
    assert not Path("net.onnx").exists()
    assert program("export", NETWORK, "-o", "net.onnx", "--max-memory", "1kB")[0] == 4
