"""`run` at 80 columns, its predictions on the screen, in tables and for machines, and its words checked first."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from network_files import write_network
from onnx_models import save_model

from cnnfilter.cli.main import main

DIGITS = Path(__file__).parents[2] / "samples" / "digits"
NETWORK, SEVEN = str(DIGITS / "digits.yaml"), str(DIGITS / "digit-7.png")
FLAT = {"kind": "flatten"}
DENSE = {"kind": "dense", "weights": "2; 1; -3"}
RELU = {"kind": "activation", "activation": "relu"}
SIGMOID = {"kind": "activation", "activation": "sigmoid"}


@pytest.fixture
def program(monkeypatch, tmp_path, capfd):
    """Run the program in an empty folder, 80 columns wide; return its exit code and what it wrote."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")

    def call(*words):
        with pytest.raises(SystemExit) as stopped:
            main([str(word) for word in words])
        out, err = capfd.readouterr()
        return stopped.value.code or 0, out, err

    return call


def one_pixel(*layers, **top):
    """Write a network for one white pixel, and the pixel."""
    Path("one.csv").write_text("1\n")
    return str(write_network(Path(), list(layers), size=[1, 1], **top))


def test_sigmoids_on_the_screen_and_for_machines(program):
    network = one_pixel(FLAT, DENSE, SIGMOID, classes=["cat", "dog", "fish"])
    _, out, _ = program("run", network, "one.csv")
    assert "(sigmoids: each by itself, several may be true)" in out
    assert "0.8808" in out
    _, out, _ = program("run", network, "one.csv", "--json")
    (result,) = json.loads(out)["results"]
    assert [one["class"] for one in result["scores"]] == ["cat", "dog", "fish"]
    assert [one["probability"] for one in result["scores"]] == pytest.approx([0.880797, 0.731059, 0.047426], abs=1e-6)
    assert (result["softmax_applied"], result["prediction"]["kind"]) == (False, "independent")


def test_one_sigmoid_says_yes_or_no(program):
    for weight, answer, shown in ((2.0, "yes", "0.8808"), (-2.0, "no", "0.1192")):
        network = one_pixel(FLAT, {"kind": "dense", "weights": [[weight]]}, SIGMOID)
        _, out, _ = program("run", network, "one.csv")
        assert f"{answer}:" in out.splitlines()
        assert shown in out
        _, out, _ = program("run", network, "one.csv", "--json")
        assert json.loads(out)["results"][0]["prediction"]["answer"] == answer


def test_values_have_no_bars(program):
    network = one_pixel(FLAT, DENSE, RELU)
    _, out, _ = program("run", network, "one.csv")
    assert "█" not in out
    assert "relu1: 2  1  0" in out
    assert "(values, no classes: the network ends in relu; --softmax takes them for" in out
    _, out, _ = program("run", network, "one.csv", "--json")
    (result,) = json.loads(out)["results"]
    assert (result["scores"], result["prediction"]["values"]) == ([], [2, 1, 0])


def test_softmax_that_is_applied_is_said(program):
    network = one_pixel(FLAT, DENSE, classes=["cat", "dog", "fish"])
    _, out, _ = program("run", network, "one.csv")
    assert "(softmax of the last layer's values)" in out
    network = one_pixel(FLAT, DENSE)
    assert "█" not in program("run", network, "one.csv")[1]
    _, out, _ = program("run", network, "one.csv", "--softmax", "--json")
    (result,) = json.loads(out)["results"]
    assert result["softmax_applied"]
    assert result["scores"][0]["probability"] == pytest.approx(np.exp(2) / np.exp([2, 1, -3]).sum())


def test_a_table_of_pictures(program):
    Path("dark.csv").write_text("-1\n")
    network = one_pixel(FLAT, DENSE, SIGMOID)
    _, out, _ = program("run", network, "one.csv", "dark.csv", "--top", "1")
    assert [line.split() for line in out.splitlines()[2:4]] == [["one.csv", "0", "0.8808"], ["dark.csv", "2", "0.9526"]]
    assert out.splitlines()[4] == "(sigmoids: each by itself, several may be true)"
    network = one_pixel(FLAT, {"kind": "dense", "weights": [[2.0]]}, SIGMOID)
    _, out, _ = program("run", network, "one.csv", "dark.csv")
    assert [line.split() for line in out.splitlines()[2:4]] == [
        ["one.csv", "yes", "0.8808"], ["dark.csv", "no", "0.1192"]
    ]  # fmt: skip
    network = one_pixel(FLAT, DENSE, RELU)
    _, out, _ = program("run", network, "one.csv", "dark.csv")
    assert [line.split() for line in out.splitlines()[2:4]] == [["one.csv", "2", "1", "0"], ["dark.csv", "0", "0", "3"]]
    network = one_pixel(FLAT, DENSE, classes=["cat", "dog", "fish"])
    _, out, _ = program("run", network, "one.csv", "dark.csv")
    assert out.splitlines()[4] == "(softmax of the last layer's values)"


def test_a_picture_without_scores_costs_the_others_nothing(program):
    Path("hole.csv").write_text("nan\n")
    network = one_pixel(FLAT, DENSE, {"kind": "softmax"})
    _, out, _ = program("run", network, "one.csv", "hole.csv", "--top", "1")
    assert [line.split() for line in out.splitlines()[2:]] == [["one.csv", "0", "0.7275"], ["hole.csv", "-", "-"]]


def test_softmax_of_one_value_is_refused(program):
    network = one_pixel(FLAT, {"kind": "dense", "weights": [[2.0]]})
    code, _, err = program("run", network, "one.csv", "--softmax")
    said = "cnnfilter: error: --softmax takes scores of two classes or more, and the network ends in one value\n"
    assert (code, err) == (2, said)


def test_softmax_where_it_means_nothing(program):
    network = one_pixel(FLAT, DENSE, SIGMOID)
    code, _, err = program("run", network, "one.csv", "--softmax", "--save", "all", "-o", "o/")
    assert (code, Path("o").exists()) == (2, False)
    assert "ends in sigmoids" in err
    conv = {"kind": "conv", "weights": np.ones((2, 1, 1, 1)).tolist()}
    network = str(write_network(Path(), [conv], size=[3, 3]))
    code, _, err = program("run", network, SEVEN, "--softmax")
    assert code == 2
    assert "ends in 2 x 3 x 3 maps" in err


def names_of_pytorch(path):
    """Write a model whose tensors have PyTorch's long names."""
    import onnx

    helper, names = onnx.helper, [f"/features/features.{index}/block/conv/Conv_output_0" for index in range(4)]
    nodes = [
        helper.make_node("Relu", [before], [after]) for before, after in zip(["x", *names], [*names, "y"], strict=True)
    ]
    ends = [helper.make_tensor_value_info(name, 1, [1, 1, 8, 8]) for name in ("x", "y")]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


@pytest.mark.parametrize("width", [200, 100, 80, 60, 50])
def test_no_row_is_wider_than_the_terminal(program, monkeypatch, width):
    pytest.importorskip("onnxruntime")
    monkeypatch.setenv("COLUMNS", str(width))
    model = names_of_pytorch("m.onnx")
    folder = Path("a-folder-with-a-rather-long-name-for-pictures")
    folder.mkdir()
    for digit in range(3):
        (folder / f"picture-number-{digit}-of-the-series.png").write_bytes(Path(SEVEN).read_bytes())
    for words in ((NETWORK, SEVEN), (model, SEVEN), (NETWORK, folder), (model, folder)):
        _, out, _ = program("run", *words)
        assert max(map(len, out.splitlines())) <= width


def test_columns_give_way_in_the_order_that_help_says(program, monkeypatch):
    headers = []
    for width in (200, 80, 72, 64, 54, 46):
        monkeypatch.setenv("COLUMNS", str(width))
        headers.append(program("run", NETWORK, SEVEN)[1].splitlines()[0].split())
    assert headers == [
        ["layer", "kind", "output", "parameters", "multiply-adds", "sees", "min", "max", "zeros"],
        ["layer", "kind", "output", "numbers", "sees", "min", "max", "zeros"],
        ["layer", "kind", "output", "sees", "min", "max", "zeros"],
        ["layer", "kind", "output", "min", "max", "zeros"],
        ["layer", "output", "min", "max", "zeros"],
        ["layer", "output", "min", "max", "zeros"],
    ]
    monkeypatch.setenv("COLUMNS", "80")
    _, out, _ = program("run", "--help")
    for word in ("sees", "zeros", "macs", "numbers"):
        assert word in out


EXPECTED_80 = """\
layer      kind        output  numbers  sees           min     max   zeros
──────────────────────────────────────────────────────────────────────────
conv1      conv        16x8x8      160  3x3         -1.944   1.531       -
relu1      activation  16x8x8        -  3x3              0   1.531  39.3 %
pool1      pool        16x4x4        -  4x4/2            0   1.531  15.6 %
conv2      conv        32x4x4    4,640  8x8/2       -8.916   3.009       -
relu2      activation  32x4x4        -  8x8/2            0   3.009  79.9 %
pool2      pool        32x2x2        -  10x10/4          0   3.009  49.2 %
flatten    flatten     128           -  10x10            0   3.009  49.2 %
dropout    dropout     128           -  10x10            0   3.009  49.2 %
dense      dense       10        1,290  all          -9.87   7.404       -
softmax    softmax     10            -  all      3.115e-08  0.9899       -
──────────────────────────────────────────────────────────────────────────
10 layers                        6,090

7  0.9899  ███████████████████████████████████████▋
"""


def test_the_seven_at_80_columns(program):
    code, out, err = program("run", NETWORK, SEVEN, "--top", "1")
    assert (code, out, err) == (0, EXPECTED_80, "")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--threads", "0"), "threads must be a whole number of at least 1, got 0"),
        (("--display", "nosuch"), "unknown display 'nosuch'"),
        (("--compress", "huge"), "unknown compression 'huge'"),
        (("--colormap", "nosuch"), "unknown colormap 'nosuch'"),
        (("--layer", "nosuch"), "no layer 'nosuch'"),
        (("--save", "nosuch"), "no layer 'nosuch'"),
        (("--top", "0"), "--top must be at least 1"),
        (("--size", "0x3"), "--size must be at least 1"),
        (("--size", "3"), "layer 'pool2' (pool) takes 32x1x1"),
        (("--mean", "a"), "--mean takes numbers parted by commas, got 'a'"),
        (("--mean", "nan"), "mean takes one number"),
        (("--mean", "1,2"), "mean takes one number, or 1 for the channels"),
        (("--std", "inf"), "std takes one number"),
        (("--at", "1"), "--at takes row,column"),
        (("--at", "9,0", "--table", "--layer", "conv1"), "--at 9,0 lies outside the 8 x 8 map"),
        (("--dtype", "int8"), "unknown dtype 'int8'"),
        (("--resize", "big"), "unknown resize 'big'"),
        (("--max-memory", "x"), "is not a size in bytes"),
    ],
)
def test_a_wrong_word_costs_nothing(program, words, message):
    code, out, err = program("run", NETWORK, SEVEN, "--save", "all", "-o", "o/", *words)
    assert (code, out) == (2, "")
    assert message in err
    assert "digit-7.png" not in err
    assert list(Path().iterdir()) == []


def test_the_network_comes_first(program):
    code, _, err = program("run", SEVEN, NETWORK)
    assert code == 2
    assert f"is no network: the network comes first (cnnfilter run {NETWORK} {SEVEN})" in err
    assert "the network comes first" in program("run", SEVEN)[2]


def test_an_onnx_model_has_its_own_types(program):
    pytest.importorskip("onnxruntime")
    model = save_model("m.onnx", "y = Relu (x)", feed="float[1,1,8,8] x", out="float[1,1,8,8] y")
    code, _, err = program("run", model, SEVEN, "--dtype", "float64")
    assert code == 2
    assert "computes in its own types" in err
    save_model("b.onnx", "y = Identity (x)", feed="uint8[1,1,8,8] x", out="uint8[1,1,8,8] y")
    code, _, err = program("run", "b.onnx", SEVEN, "--range", "unit", "--save", "all", "-o", "o/")
    assert (code, Path("o").exists()) == (2, False)
    assert "takes uint8, and range unit makes fractions" in err


#: Tensors and types of strangers: what the graph is, and the exit code.
STRANGE = {
    "empty": ("y = Slice (x, a, b)", {"a": np.array([0, 0, 3, 3]), "b": np.array([1, 1, 3, 3])}, "is empty"),
    "bfloat16": ("y = Cast <to = 16> (x)", {}, "gives no numbers"),
    "text": ("y = Cast <to = 8> (x)", {}, "gives no numbers"),
    "sequence": ("y = SplitToSequence (x)", {}, "gives no numbers"),
}


@pytest.mark.parametrize("case", STRANGE)
def test_tensors_that_are_no_picture_are_one_line(program, case):
    pytest.importorskip("onnxruntime")
    body, arrays, message = STRANGE[case]
    kinds = {"sequence": "seq(float[1,1,8,8])", "bfloat16": "bfloat16[1,1,8,8]", "text": "string[1,1,8,8]"}
    out = f"{kinds.get(case, 'float[N,C,H,W]')} y"
    model = save_model("m.onnx", body, feed="float[1,1,8,8] x", out=out, arrays=arrays)
    assert program("run", model, SEVEN)[0] == 0
    for form in ("png", "npy", "csv", "json", "npz"):
        code, _, err = program("run", model, SEVEN, "--save", "all", "-f", form, "-o", "o/")
        assert (code, err.count("\n")) == (3, 1)
        assert message in err
    both = save_model("m.onnx", f"r = Relu (x) {body}", feed="float[1,1,8,8] x", out=out, arrays=arrays)
    code, _, err = program("run", both, SEVEN, "--save", "all", "-o", "o/")
    assert code == 0
    assert f"note: {SEVEN!r}: layer 'y'" in err
    assert [path.name for path in Path("o").iterdir()] == ["digit-7.r.png"]


@pytest.mark.parametrize("layer", [{"kind": "conv", "weights": -1}, {"kind": "dense", "weights": 3}, {
    "kind": "conv-transpose", "weights": "1 2; 3 4"}])  # fmt: skip
def test_weights_of_other_axes_are_refused_when_read(program, layer):
    network = write_network(Path(), [layer])
    for words in (("run", network, SEVEN), ("batch", SEVEN, "--network", network, "-o", "out"), ("plan", network)):
        code, _, err = program(*words)
        assert (code, err.count("\n")) == (2, 1)
        assert "layers[0].weights: expected (" in err
    assert not Path("out").exists()


def test_a_network_that_needs_too_much_is_refused_before_it_takes_it(program):
    network = write_network(Path(), [{"kind": "dropout"}], channels=99999999999)
    for words in ((), ("--save", "all", "--maps", "-o", "o/")):
        code, _, err = program("run", network, SEVEN, *words)
        assert (code, err.count("\n")) == (4, 1)
        assert "the limit is" in err or "--maps would write 99,999,999,999 pictures" in err
    assert not Path("o").exists()
    network = write_network(Path(), [{"kind": "dropout"}], channels=200_000)
    code, _, err = program("run", network, SEVEN, "--save", "all", "--maps", "-o", "o/")
    assert (code, Path("o").exists()) == (4, False)
    assert "--maps would write 200,000 pictures" in err


#: A loop of 2**40 turns over the input, and over constants alone, which ONNX Runtime folds when it loads.
LOOPS = {"runs": "x", "loads": "z"}


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("case", LOOPS)
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_model_without_end_can_be_stopped(tmp_path, case, number, code):
    pytest.importorskip("onnxruntime")
    body = f"q = Loop (n, t, {LOOPS[case]}) <body = b (int64 i, bool c, float v) => (bool d, float w) {{"
    body += " d = Identity (c) w = Identity (v) }> y = Add (x, q)"
    arrays = {"n": np.int64(1 << 40), "t": np.bool_(True), "z": np.zeros((1, 1, 8, 8), np.float32)}
    model = save_model(
        tmp_path / "m.onnx", body, feed="float[1,1,8,8] x", out="float[N,C,H,W] y",
        arrays={name: array for name, array in arrays.items() if case == "loads" or name != "z"},
    )  # fmt: skip
    script = (
        "import sys, threading, os\n"
        "import cnnfilter.networks.onnx_session as session\n"
        "real = session.interruptible\n"
        "def told(work, stop):\n"
        "    def begun():\n"
        "        sys.stderr.write('begun\\n'); sys.stderr.flush()\n"
        "        return work()\n"
        "    return real(begun, stop)\n"
        "session.interruptible = told\n"
        "from cnnfilter.cli.main import main\n"
        f"main({['run', str(model), SEVEN]!r})\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE, text=True) as process:
        for _ in range(1 if case == "loads" else 2):
            assert process.stderr.readline() == "begun\n"
        process.send_signal(number)
        process.communicate(timeout=30)
    assert process.returncode == code
