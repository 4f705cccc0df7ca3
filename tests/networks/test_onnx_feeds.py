"""What models of strangers take: other inputs, batches of one size, pictures without a batch, open and fixed sides."""

import json

import numpy as np
import pytest
from onnx_models import save_model

pytest.importorskip("onnxruntime")

from cnnfilter import run_network, write_image
from cnnfilter.cli.main import main
from cnnfilter.errors import KernelFileError, ParameterError, ShapeError, UnknownNameError
from cnnfilter.networks.model import open_model

RNG = np.random.default_rng(11)
IMAGE = RNG.integers(0, 255, (3, 6, 8), dtype=np.uint8)


@pytest.fixture
def program(monkeypatch, tmp_path, capfd):
    """Run the program in an empty folder; return its exit code and what it wrote."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")

    def call(*words):
        with pytest.raises(SystemExit) as stopped:
            main([str(word) for word in words])
        out, err = capfd.readouterr()
        return stopped.value.code or 0, out, err

    return call


def two_inputs(path):
    """YOLOv3's way: a picture, and the size that it once had."""
    body = "m = ReduceMean <keepdims = 0> (x) y = Mul (s, m)"
    return save_model(path, body, feed="float[N,3,H,W] x, float[1,2] s", out="float[1,2] y")


def test_a_second_input_is_given_as_numbers_or_as_a_file(program):
    model = two_inputs("m.onnx")
    write_image("p.png", IMAGE)
    np.save("s.npy", np.array([[3.0, 4.0]]))
    code, _, err = program("run", model, "p.png", "--save", "all", "-o", "o/")
    assert (code, err.count("\n")) == (2, 1)
    assert "also takes s float (1, 2) (--input s=1,2,3 or s=FILE.npy)" in err
    for value in ("3,4", "s.npy"):
        code, out, _ = program("run", model, "p.png", "--input", f"s={value}", "--table", "--layer", "y", "--json")
        (layer,) = json.loads(out)["results"][0]["layers"]
        assert (code, layer["values"]) == (0, pytest.approx([3 * IMAGE.mean(), 4 * IMAGE.mean()], rel=1e-6))
    got = run_network("m.onnx", IMAGE, inputs={"s": [3, 4]})
    np.testing.assert_allclose(got["y"], [3 * IMAGE.mean(), 4 * IMAGE.mean()], rtol=1e-6)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("t=1,2", "unknown input 't' (did you mean|unknown input 't' (known: s)"),
        ("x=1,2", "input 'x' is the picture's"),
        ("s=1,2,3", "does not take values of shape (3,)"),
        ("s=none.npy", "is no file, and no numbers"),
        ("s", "--input takes NAME=1,2,3 or NAME=FILE"),
    ],
)
def test_a_wrong_input_costs_nothing(program, value, message):
    model = two_inputs("m.onnx")
    write_image("p.png", IMAGE)
    code, _, err = program("run", model, "p.png", "--input", value, "--save", "all", "-o", "o/")
    assert code == 2
    assert any(one in err for one in message.split("|"))


def test_an_input_is_given_once(program):
    model = two_inputs("m.onnx")
    write_image("p.png", IMAGE)
    code, _, err = program("run", model, "p.png", "--input", "s=1,2", "--input", "s=3,4")
    assert (code, err) == (2, "cnnfilter: error: --input s is given twice\n")


def test_of_two_pictures_the_one_that_is_not_given_is_the_picture(program):
    model = save_model("m.onnx", "d = Sub (a, b)", feed="float[1,3,6,8] a, float[1,3,6,8] b", out="float[1,3,6,8] d")
    write_image("p.png", IMAGE)
    np.save("ones.npy", np.ones((3, 6, 8), np.float32))
    assert program("run", model, "--layers")[0] == 0
    code, _, err = program("run", model, "p.png")
    assert (code, err.count("\n")) == (2, 1)
    assert "also takes b float (1, 3, 6, 8)" in err
    for name, expected in (("b", IMAGE - 1.0), ("a", 1.0 - IMAGE)):
        assert program("run", model, "p.png", "--input", f"{name}=ones.npy", "-o", "d.npy", "-f", "npy")[0] == 0
        np.testing.assert_array_equal(np.load("d.npy"), expected)
        batch = ("batch", "p.png", "--network", model, "-o", "out", "-f", "npy", "-j", "0", "--overwrite")
        assert program(*batch, "--input", f"{name}=ones.npy")[0] == 0
        np.testing.assert_array_equal(np.load("out/p.d.npy"), expected)
    assert program("run", model, "p.png", "--input", "a=ones.npy", "--input", "b=ones.npy")[0] == 2
    unit = run_network(model, IMAGE, inputs={"a": np.zeros((3, 6, 8))}, range="unit")["d"]
    np.testing.assert_allclose(unit, IMAGE / -255, rtol=0, atol=1e-7)


def test_a_scale_and_a_state_are_no_pictures(tmp_path):
    feed, arrays = "float[N,1,1,1] s, float[1,8,H,W] h, float[N,3,H,W] x", {"w": np.ones((3, 8, 1, 1), np.float32)}
    body = "c = Conv (h, w) m = Mul (x, s) y = Add (m, c)"
    path = save_model(tmp_path / "m.onnx", body, feed=feed, out="float[N,3,H,W] y", arrays=arrays)
    got = run_network(path, IMAGE, inputs={"s": 2, "h": np.ones((8, 6, 8))})["y"]
    np.testing.assert_array_equal(got, 2.0 * IMAGE + 8)


def test_batch_refuses_a_model_that_cannot_run_before_anything_is_written(program, tmp_path):
    write_image("p.png", IMAGE)
    save_model("circle.onnx", "a = Add (x, y) y = Relu (a)", feed="float[1,3,6,8] x", out="float[1,3,6,8] y")
    for model in (two_inputs("m.onnx"), "circle.onnx"):
        code, _, err = program("batch", "p.png", "--network", model, "-o", "out")
        assert (code, err.count("\n")) == (2, 1)
        assert not (tmp_path / "out").exists()


def test_batch_takes_the_second_input_too(program):
    model = two_inputs("m.onnx")
    write_image("p.png", IMAGE)
    words = ("batch", "p.png", "--network", model, "-o", "out", "-f", "npy", "--save", "y", "-j", "0")
    assert program(*words, "--input", "s=3,4")[0] == 0
    np.testing.assert_allclose(np.load("out/p.y.npy"), [3 * IMAGE.mean(), 4 * IMAGE.mean()], rtol=1e-6)


def test_layers_are_listed_without_a_size_and_without_the_other_inputs(program):
    model = two_inputs("m.onnx")
    code, out, err = program("run", model, "--layers")
    assert (code, err) == (0, "")
    assert [line.split()[:2] for line in out.splitlines()[2:]] == [["m", "ReduceMean"], ["y", "Mul"]]
    save_model("open.onnx", "a = Relu (x) y = MaxPool <kernel_shape = [2, 2]> (a)", feed="float[N,3,rows,columns] x")
    code, out, _ = program("run", "open.onnx", "--layers")
    assert out.splitlines()[2].split() == ["a", "Relu", "3", "x", "rows", "x", "columns"]
    code, out, _ = program("run", "open.onnx", "--layers", "--json", "--layer", "a")
    assert json.loads(out)["layers"] == [{"name": "a", "kind": "Relu", "shape": [3, "rows", "columns"]}]


@pytest.mark.parametrize("count", [2, 4])
def test_a_batch_of_one_size_is_filled_with_the_picture_and_that_is_said(program, count):
    shape = f"float[{count},3,6,8]"
    save_model("m.onnx", "y = Relu (x)", feed=f"{shape} x", out=f"{shape} y")
    write_image("p.png", IMAGE)
    code, _, err = program("run", "m.onnx", "p.png", "-f", "npy", "-o", "y.npy")
    assert code == 0
    assert f"the model takes {count} pictures at a time: this one is repeated" in err
    np.testing.assert_array_equal(np.load("y.npy"), IMAGE)
    several = np.stack([IMAGE, IMAGE // 2, IMAGE // 3])
    np.testing.assert_array_equal(run_network("m.onnx", several)["y"], several)
    assert open_model("m.onnx").plan(None).layers[0].shape == (3, 6, 8)


def test_the_plan_of_a_batch_of_one_size_counts_one_picture_and_all_memory(tmp_path):
    body = "c = Conv <kernel_shape = [3, 3]> (x, w) f = Flatten (c) y = Gemm (f, v)"
    arrays = {"w": np.ones((2, 3, 3, 3), np.float32), "v": np.ones((48, 5), np.float32)}
    plans = []
    for count in (1, 4):
        feed, out = f"float[{count},3,6,8] x", f"float[{count},5] y"
        path = save_model(tmp_path / f"{count}.onnx", body, feed=feed, out=out, arrays=arrays)
        plans.append(open_model(path).plan(None))
        assert [layer.macs for layer in plans[-1].layers] == [2 * 4 * 6 * 27, 0, 48 * 5]
    stored = 2 * 27 + 48 * 5
    values = 3 * 6 * 8 + 48 + 48 + 5
    assert [plan.peak_bytes for plan in plans] == [4 * (values + stored), 4 * (4 * values + stored)]


@pytest.mark.parametrize(("shape", "laid"), [("3,6,8", (0, 1, 2)), ("6,8,3", (1, 2, 0)), ("3,H,W", (0, 1, 2))])
def test_a_picture_without_an_axis_for_a_batch(tmp_path, shape, laid):
    path = save_model(tmp_path / "m.onnx", "y = Relu (x)", feed=f"float[{shape}] x", out=f"float[{shape}] y")
    np.testing.assert_array_equal(run_network(path, IMAGE)["y"], IMAGE.transpose(laid))
    gray = save_model(tmp_path / "g.onnx", "y = Relu (x)", feed="float[1,6,8] x", out="float[1,6,8] y")
    np.testing.assert_array_equal(run_network(gray, IMAGE[0])["y"], IMAGE[:1])


def test_stored_arrays_of_a_batch_of_one_and_of_four_channels(program):
    save_model("m.onnx", "y = Relu (x)", feed="float[1,4,6,8] x", out="float[1,4,6,8] y")
    four = RNG.integers(0, 255, (4, 6, 8), dtype=np.uint8)
    np.save("a.npy", four[None])
    np.save("b.npy", four)
    write_image("c.png", four)
    for name in ("a.npy", "b.npy", "c.png"):
        code, _, err = program("run", "m.onnx", name, "-f", "npy", "-o", "y.npy")
        assert (code, err) == (0, "")
        np.testing.assert_array_equal(np.load("y.npy"), four)
    write_image("d.png", IMAGE)
    code, _, err = program("run", "m.onnx", "d.png")
    assert code == 3
    assert "has 3 channels, the network takes 4 (a picture with transparency has 4)" in err


def test_the_side_that_a_model_fixes_is_kept_and_the_other_follows(program):
    save_model("m.onnx", "y = Relu (x)", feed="float[1,3,3,W] x", out="float[1,3,3,W] y")
    write_image("p.png", IMAGE)
    code, _, err = program("run", "m.onnx", "p.png", "-f", "npy", "-o", "y.npy")
    assert code == 0
    assert "6x8 made 3x4 for the network (stretch)" in err
    assert np.load("y.npy").shape == (3, 3, 4)
    assert run_network("m.onnx", IMAGE)["y"].shape == (3, 3, 4)
    assert run_network("m.onnx", IMAGE, size=(3, 7))["y"].shape == (3, 3, 7)
    with pytest.raises(ShapeError, match="takes 3xany, not 4x7"):
        run_network("m.onnx", IMAGE, size=(4, 7))
    code, _, err = program("run", "m.onnx", "p.png", "--resize", "none")
    assert code == 3
    assert "the image is 6x8, the network takes 3x4" in err


def test_blue_first(program):
    save_model("m.onnx", "y = Identity (x)", feed="float[1,3,6,8] x", out="float[1,3,6,8] y")
    write_image("p.png", IMAGE)
    program("run", "m.onnx", "p.png", "--order", "BGR", "--mean", "1,2,3", "-f", "npy", "-o", "y.npy")
    wanted = IMAGE[::-1].astype(np.float32) - np.reshape([1, 2, 3], (3, 1, 1))
    np.testing.assert_array_equal(np.load("y.npy"), wanted)
    np.testing.assert_array_equal(run_network("m.onnx", IMAGE, order="BGR", mean=[1, 2, 3])["y"], wanted)
    many = run_network("m.onnx", np.stack([IMAGE, IMAGE]), order="BGR", mean=[1, 2, 3])["y"]
    np.testing.assert_array_equal(many, [wanted, wanted])
    with pytest.raises(UnknownNameError, match="unknown order 'GBR'"):
        run_network("m.onnx", IMAGE, order="GBR")
    save_model("g.onnx", "y = Identity (x)", feed="float[1,1,6,8] x", out="float[1,1,6,8] y")
    with pytest.raises(ParameterError, match="order BGR is for colours"):
        run_network("g.onnx", IMAGE, order="BGR")


def test_a_letterbox_keeps_the_proportions(program):
    save_model("m.onnx", "y = Identity (x)", feed="float[1,3,9,8] x", out="float[1,3,9,8] y")
    write_image("p.png", IMAGE)
    code, _, err = program("run", "m.onnx", "p.png", "--resize", "letterbox", "-f", "npy", "-o", "y.npy")
    assert code == 0
    assert "6x8 made 9x8 for the network (letterbox)" in err
    got = np.load("y.npy")
    np.testing.assert_array_equal(got[:, 1:7], IMAGE)  # 3 rows are left: one above, two below
    np.testing.assert_allclose(got[:, [0, 7, 8]], 114, rtol=1e-6)
    program("run", "m.onnx", "p.png", "--resize", "letterbox", "--range", "unit", "-f", "npy", "-o", "y.npy")
    np.testing.assert_allclose(np.load("y.npy")[:, 0], 114 / 255, rtol=1e-6)


def test_python_takes_what_the_flags_take(tmp_path):
    path = save_model(tmp_path / "m.onnx", "y = Identity (x)", feed="float[N,3,H,W] x", out="float[N,3,H,W] y")
    got = run_network(path, IMAGE, range="unit", mean=0.5, std=[0.25, 0.5, 1])["y"]
    np.testing.assert_allclose(got, (IMAGE / 255 - 0.5) / np.reshape([0.25, 0.5, 1], (3, 1, 1)), rtol=0, atol=1e-6)
    assert run_network(path, IMAGE, size=(3, 5))["y"].shape == (3, 3, 5)
    assert run_network(path, IMAGE, size="3,5")["y"].shape == (3, 3, 5)
    for words in ({"range": "half"}, {"mean": [1, 2]}, {"std": 0}, {"mean": np.nan}, {"size": 0}, {"mean": "a"}):
        with pytest.raises((ParameterError, UnknownNameError)):
            run_network(path, IMAGE, **words)


def test_inputs_that_are_no_picture_are_told(tmp_path):
    for feed in ("float[] x", "float[1,2,3,4,5] x", "string[1,3,4,4] x"):
        path = save_model(tmp_path / "m.onnx", "y = Identity (x)", feed=feed)
        with pytest.raises(KernelFileError, match="takes x"):
            open_model(path)


@pytest.mark.parametrize("feed", ["float[5] x", "float[2,3] x", "float[N,M] x", "float[N,3] x", "int32[7,2,5] x"])
def test_inputs_of_other_ranks_get_grids_as_they_are(program, feed):
    kind, sides = feed[: feed.index("[")], feed[feed.index("[") + 1 : feed.index("]")].split(",")
    shape = [int(side) if side.isdigit() else 4 + place for place, side in enumerate(sides)]
    values = RNG.integers(-99, 99, shape).astype({"float": np.float32, "int32": np.int32}[kind])
    out = feed.replace("x", "y")
    model = save_model("m.onnx", "y = Add (x, x)", feed=feed, out=out)
    np.save("x.npy", values)
    for words in (["x.npy"], ["--input", "x=x.npy"]):
        done = program("run", model, *words, "-f", "npy", "-o", "y.npy", "--save", "all")
        assert done[0] == 0, done
        np.testing.assert_array_equal(np.load("y.npy").reshape(shape), 2 * values)
    for got in (run_network(model, values), run_network(model, inputs={"x": values})):
        np.testing.assert_array_equal(got["y"].reshape(shape), 2 * values)


def test_a_photo_is_not_made_into_a_grid_of_another_size(program):
    model = save_model("m.onnx", "y = Add (x, x)", feed="float[N,16] x", out="float[N,16] y")
    write_image("p.png", IMAGE[:1])
    code, _, err = program("run", model, "p.png")
    assert (code, "the network takes 12x16" in err) == (3, True)
    code, _, err = program("run", save_model("o.onnx", "y = Add (x, x)", feed="float[N,M] x"), "p.png")
    assert (code, "x float (?, ?) takes no picture: it gets the numbers" in err) == (0, True)


def test_a_recurrent_model_needs_no_picture(program):
    """Sound, a state and a rate, as in a detector of speech: the state's three axes are no picture's."""
    model = save_model(
        "m.onnx", "a = ReduceMean <axes = [1], keepdims = 1> (x) b = Cast <to = 1> (r) c = Mul (a, b) y = Add (c, s)",
        feed="float[N,M] x, float[2,N,4] s, int64 r", out="float[2,N,4] y",
    )  # fmt: skip
    np.save("x.npy", np.arange(6.0, dtype=np.float32)[None])
    np.save("s.npy", np.ones((2, 1, 4), np.float32))
    whole = ("--input", "x=x.npy", "--input", "s=s.npy", "--input", "r=10")
    code, _, err = program("run", model, *whole, "--save", "y", "-f", "npy", "-o", "y.npy")
    assert (code, np.load("y.npy").ravel().tolist()) == (0, [26.0] * 8), err
    assert program("run", model, "x.npy", *whole[2:], "--save", "y", "-f", "npy", "-o", "y.npy")[0] == 0
    assert np.load("y.npy").ravel().tolist() == [26.0] * 8
    code, _, err = program("run", model, "x.npy", "--input", "s=s.npy")
    assert (code, "also takes r int64 ()" in err) == (2, True)
    code, _, err = program("run", model, "x.npy", *whole)
    assert (code, "is the picture's" in err) == (2, True)


@pytest.mark.parametrize("unread", [0, 1])
def test_outputs_that_nothing_reads_need_no_name(tmp_path, unread):
    import onnx

    body = """s, t = Split <axis = 1, num_outputs = 2> (x)
              y = If (yes) <then_branch = a () => (float[1,2,2,5] a1, float[1,2,2,5] a2)
                                { a1 = Neg (x) a2 = Abs (x) },
                            else_branch = b () => (float[1,2,2,5] b1, float[1,2,2,5] b2)
                                { b1 = Neg (x) b2 = Abs (x) }>"""
    path = save_model(
        tmp_path / "m.onnx", body.replace("y = If", "y, z = If"), feed="float[1,2,2,5] x",
        out="float[1,2,2,5] y", opset=18, arrays={"yes": np.array(True)},
    )  # fmt: skip
    model = onnx.load(path)
    split, choice = model.graph.node
    read = split.output[1 - unread]
    split.output[unread] = ""
    choice.output[1] = ""
    onnx.save(model, path)
    image = np.arange(20.0, dtype=np.float32).reshape(2, 2, 5)
    got = run_network(path, image)
    assert list(got) == [read, "y"]
    np.testing.assert_array_equal(got[read], image[[1 - unread]])
    np.testing.assert_array_equal(got["y"], -image)
