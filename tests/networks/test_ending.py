"""What the last layer is decides what is said of classes, never what its values look like."""

import numpy as np
import pytest
from network_files import write_network
from onnx_models import save_model

from cnnfilter.images.read import open_picture
from cnnfilter.networks.model import open_model
from cnnfilter.run.network import NetworkOptions, classify

SCORES = np.array([2.0, 1.0, 0.1])
SOFTMAX = np.exp(SCORES) / np.exp(SCORES).sum()
SIGMOID = 1 / (1 + np.exp(-SCORES))

#: Brings the three scores out of a picture of one white pixel: weights (3, 1), or of a convolution (3, 1, 1, 1).
FLAT = {"kind": "flatten"}
DENSE = {"kind": "dense", "weights": "2; 1; 0.1"}
CONV = {"kind": "conv", "weights": [[[[2.0]]], [[[1.0]]], [[[0.1]]]]}


def act(name):
    return {"kind": "activation", "activation": name}


def said(folder, layers, *, softmax=False, **top):
    """Return the prediction for one white pixel."""
    path = write_network(folder, layers, size=[1, 1], input={"range": "unit"}, **top)
    picture = open_picture(b"P2 1 1 255 255")
    return classify(picture, open_model(path), NetworkOptions(softmax=softmax)).prediction


def probabilities(prediction):
    """Return the probabilities in the order of the values."""
    return [one.probability for one in sorted(prediction.scores, key=lambda one: one.position)]


@pytest.mark.parametrize("tail", [[], [{"kind": "dropout"}], [act("identity")], [act("linear"), {"kind": "dropout"}]])
@pytest.mark.parametrize("last", [{"kind": "softmax"}, act("softmax")])
def test_a_softmax_is_a_distribution(tmp_path, last, tail):
    got = said(tmp_path, [FLAT, DENSE, last, *tail])
    assert (got.kind, got.softmax_applied) == ("distribution", False)
    assert probabilities(got) == pytest.approx(SOFTMAX)


def test_a_softmax_over_channels_of_one_cell_is_one_too(tmp_path):
    assert probabilities(said(tmp_path, [CONV, {"kind": "softmax"}, FLAT])) == pytest.approx(SOFTMAX)


def test_a_part_of_a_softmax_is_no_distribution_and_a_part_of_scores_are_scores(tmp_path):
    part = {"kind": "slice", "channels": ":2"}
    assert said(tmp_path, [FLAT, DENSE, {"kind": "softmax"}, part], classes=["cat", "dog"]).kind == "values"
    got = said(tmp_path, [FLAT, DENSE, part], classes=["cat", "dog"])
    assert got.softmax_applied
    assert probabilities(got) == pytest.approx(SOFTMAX[:2] / SOFTMAX[:2].sum())


def test_a_log_softmax_is_exponentiated_and_said_so(tmp_path):
    got = said(tmp_path, [FLAT, DENSE, act("log-softmax")])
    assert probabilities(got) == pytest.approx(SOFTMAX)
    assert "exponentials" in got.how


@pytest.mark.parametrize("tail", [[], [{"kind": "dropout"}], [FLAT]])
def test_sigmoids_stand_each_by_itself(tmp_path, tail):
    got = said(tmp_path, [FLAT, DENSE, act("sigmoid"), *tail], classes=["cat", "dog", "fish"])
    assert (got.kind, got.softmax_applied) == ("independent", False)
    assert probabilities(got) == pytest.approx(SIGMOID)
    assert [one.name for one in got.scores] == ["cat", "dog", "fish"]


def test_hard_sigmoids_too(tmp_path):
    got = said(tmp_path, [FLAT, DENSE, act("hard-sigmoid")])
    assert (got.kind, probabilities(got)) == ("independent", pytest.approx(SCORES / 6 + 0.5))


@pytest.mark.parametrize(("weight", "answer"), [(2.0, "yes"), (-2.0, "no")])
def test_one_sigmoid_is_yes_or_no(tmp_path, weight, answer):
    got = said(tmp_path, [FLAT, {"kind": "dense", "weights": [[weight]]}, act("sigmoid")])
    assert (got.kind, got.answer) == ("yes-or-no", answer)
    assert probabilities(got) == pytest.approx([1 / (1 + np.exp(-weight))])


@pytest.mark.parametrize(
    "layers",
    [
        [FLAT, DENSE],
        [FLAT, {"kind": "dense", "weights": "0.5; 0.25; 0.25"}],  # a sum of 1 is no distribution
        [FLAT, DENSE, act("relu")],
        [FLAT, DENSE, act("tanh")],
        [FLAT, DENSE, act("softmin")],
        [FLAT, DENSE, act("log-sigmoid")],
        [FLAT, DENSE, {"kind": "softmax"}, act("square")],
        [FLAT, DENSE, act("sigmoid"), act("relu")],
        [CONV, {"kind": "pool", "pool": "avg", "mode": "global"}, FLAT],
        [FLAT, {"kind": "dense", "weights": [[1.0]]}, {"kind": "softmax"}],
    ],
)
def test_anything_else_is_values(tmp_path, layers):
    got = said(tmp_path, layers)
    assert (got.kind, got.scores, got.softmax_applied) == ("values", (), False)
    assert len(got.values) in (1, 3)


def test_a_softmax_at_every_place_of_maps_is_no_distribution_of_all(tmp_path):
    path = write_network(tmp_path, [CONV, {"kind": "softmax"}, FLAT], size=[2, 2])
    got = classify(open_picture(b"1 2\n3 4"), open_model(path)).prediction
    assert (got.kind, len(got.values)) == ("values", 12)
    path = write_network(tmp_path, [CONV], size=[2, 2])
    got = classify(open_picture(b"1 2\n3 4"), open_model(path)).prediction
    assert (got.kind, got.values) == ("values", ())


@pytest.mark.parametrize(
    "layers",
    [
        [FLAT, DENSE],
        [FLAT, DENSE, {"kind": "dropout"}],
        [CONV, {"kind": "pool", "pool": "avg", "mode": "global"}, FLAT],
        [CONV, {"kind": "pool", "pool": "global-avg"}],
        [CONV, {"kind": "pool", "pool": "adaptive-avg:1"}, FLAT],
        [FLAT, DENSE, {"kind": "normalize", "mean": [0.0, 0, 0], "variance": [1.0, 1, 1], "epsilon": 0}],
    ],
)
def test_weighted_sums_become_classes_where_these_have_names_and_that_is_said(tmp_path, layers):
    got = said(tmp_path, layers, classes=["cat", "dog", "fish"])
    assert (got.kind, got.softmax_applied) == ("distribution", True)
    assert probabilities(got) == pytest.approx(SOFTMAX)
    assert got.how == "softmax of the last layer's values"


def test_names_make_no_classes_of_a_relu(tmp_path):
    assert said(tmp_path, [FLAT, DENSE, act("relu")], classes=["cat", "dog", "fish"]).kind == "values"


@pytest.mark.parametrize("tail", [[], [act("relu")]])
def test_softmax_can_be_asked_for(tmp_path, tail):
    got = said(tmp_path, [FLAT, DENSE, *tail], softmax=True)
    assert (got.kind, got.softmax_applied, probabilities(got)) == ("distribution", True, pytest.approx(SOFTMAX))


def test_softmax_is_not_taken_twice(tmp_path):
    got = said(tmp_path, [FLAT, DENSE, {"kind": "softmax"}], softmax=True)
    assert (got.softmax_applied, probabilities(got)) == (False, pytest.approx(SOFTMAX))


#: Six pixels to three scores.
WEIGHT = np.zeros((6, 3), np.float32)
WEIGHT[0] = SCORES
BANK = np.zeros((3, 1, 2, 3), np.float32)
BANK[:, 0, 0, 0] = SCORES
ARRAYS = {
    "w": WEIGHT, "k": BANK, "one": np.float32(1), "zero": np.zeros(3, np.float32), "ones": np.ones(3, np.float32),
    "places": np.array([2, 3]),
}  # fmt: skip
SUMS = "f = Flatten (x) m = MatMul (f, w)"

GRAPHS = {
    "Softmax": (f"{SUMS} y = Softmax (m)", "distribution", SOFTMAX),
    "Softmax, then passages": (
        f"{SUMS} s = Softmax <axis = 1> (m) i = Identity (s) d = Dropout (i) y = Cast <to = 1> (d)",
        "distribution",
        SOFTMAX,
    ),
    "LogSoftmax": (f"{SUMS} y = LogSoftmax (m)", "distribution", SOFTMAX),
    "Sigmoid": (f"{SUMS} y = Sigmoid (m)", "independent", SIGMOID),
    "HardSigmoid": (f"{SUMS} y = HardSigmoid (m)", "independent", np.clip(0.2 * SCORES + 0.5, 0, 1)),
    "MatMul": (f"{SUMS} y = Identity (m)", "distribution", SOFTMAX),
    "MatMul and Add": (f"{SUMS} y = Add (m, zero)", "distribution", SOFTMAX),
    "Gemm": ("f = Flatten (x) y = Gemm (f, w)", "distribution", SOFTMAX),
    "Conv, Flatten": ("c = Conv (x, k) y = Flatten (c)", "distribution", SOFTMAX),
    "Conv, mean, Flatten": ("c = Conv (x, k) p = GlobalAveragePool (c) y = Flatten (p)", "distribution", SOFTMAX),
    "MatMul, norm": (f"{SUMS} y = BatchNormalization (m, ones, zero, zero, ones)", "distribution", SOFTMAX),
    "Conv, sum over places": ("c = Conv (x, k) y = ReduceSum <keepdims = 0> (c, places)", "distribution", SOFTMAX),
    "Relu": (f"{SUMS} y = Relu (m)", "values", SCORES),
    "Relu, mean": ("c = Conv (x, k) r = Relu (c) p = GlobalAveragePool (r) y = Flatten (p)", "values", SCORES),
    "Tanh": (f"{SUMS} y = Tanh (m)", "values", np.tanh(SCORES)),
    "softmin": (f"{SUMS} n = Neg (m) y = Softmax (n)", "values", np.exp(-SCORES) / np.exp(-SCORES).sum()),
    "along the batch": (f"{SUMS} y = Softmax <axis = 0> (m)", "values", [1, 1, 1]),
    "scaled softmax": (f"{SUMS} s = Softmax (m) y = Mul (s, one)", "values", SOFTMAX),
    "sum of two": (f"{SUMS} y = Add (m, m)", "values", 2 * SCORES),
}


@pytest.mark.parametrize("case", GRAPHS)
def test_the_last_node_of_a_model_decides(tmp_path, case):
    pytest.importorskip("onnxruntime")
    body, kind, values = GRAPHS[case]
    used = {name: array for name, array in ARRAYS.items() if f" {name})" in body or f" {name}," in body}
    model = open_model(save_model(tmp_path / "m.onnx", body, arrays=used))
    got = classify(open_picture(b"1 0 0\n0 0 0"), model).prediction
    assert got.kind == kind
    assert (probabilities(got) if got.scores else list(got.values)) == pytest.approx(values, rel=1e-5)
    assert got.softmax_applied == (kind == "distribution" and "oftmax" not in body)


def test_softmax_over_one_part_of_the_values_or_of_an_old_model(tmp_path):
    pytest.importorskip("onnxruntime")
    parts = "r = Reshape (x, s) p = Softmax (r) y = Flatten (p)"
    model = open_model(save_model(tmp_path / "m.onnx", parts, arrays={"s": np.array([1, 2, 3])}))
    got = classify(open_picture(b"1 2 3\n4 5 6"), model).prediction
    assert (got.kind, sum(got.values)) == ("values", pytest.approx(2))
    old = open_model(save_model(tmp_path / "old.onnx", "y = Softmax (x)", out="float[1,1,2,3] y", opset=11))
    got = classify(open_picture(b"1 2 3\n4 5 6"), old).prediction
    assert got.kind == "values"  # maps, whatever the softmax covers
    old = open_model(save_model(tmp_path / "old.onnx", "s = Softmax (x) y = Flatten (s)", opset=11))
    got = classify(open_picture(b"1 2 3\n4 5 6"), old).prediction
    assert (got.kind, sum(probabilities(got))) == ("distribution", pytest.approx(1))


def test_of_several_outputs_the_one_that_speaks_of_classes_is_read_and_said(tmp_path):
    pytest.importorskip("onnxruntime")
    body = "f = Flatten (x) h = MatMul (f, w) r = Relu (h) y = Softmax (h)"
    path = save_model(tmp_path / "m.onnx", body, out="float[N,M] r, float[N,M] y", arrays={"w": WEIGHT})
    got = classify(open_picture(b"1 0 0\n0 0 0"), open_model(path)).prediction
    assert (got.layer, got.kind) == ("y", "distribution")
    assert got.notes == ("of 2 outputs, 'y' is read",)


@pytest.mark.parametrize(
    ("body", "outs", "read", "kind"),
    [
        (f"{SUMS} y = Sigmoid (m)", "float[1,3] m, float[1,3] y", "y", "independent"),
        (f"{SUMS} y = Softmax (m)", "float[1,3] m, float[1,3] y", "y", "distribution"),
        (f"{SUMS} y = Sigmoid (x)", "float[1,1,2,3] y, float[1,3] m", "m", "distribution"),
        (f"{SUMS} y = Relu (m)", "float[1,3] y, float[1,3] m", "m", "distribution"),
    ],
)
def test_of_several_outputs_what_is_known_goes_before_what_is_guessed(tmp_path, body, outs, read, kind):
    pytest.importorskip("onnxruntime")
    path = save_model(tmp_path / "m.onnx", body, out=outs, arrays={"w": WEIGHT})
    got = classify(open_picture(b"1 0 0\n0 0 0"), open_model(path)).prediction
    assert (got.layer, got.kind) == (read, kind)
    assert got.notes == (f"of 2 outputs, {read!r} is read",)


def test_a_quantised_output_is_no_probability(tmp_path):
    pytest.importorskip("onnxruntime")
    body = f"{SUMS} s = Softmax (m) y = QuantizeLinear (s, scale, z)"
    arrays = {"w": WEIGHT, "scale": np.float32(1 / 255), "z": np.uint8(0)}
    path = save_model(tmp_path / "m.onnx", body, out="uint8[N,M] y", arrays=arrays)
    assert classify(open_picture(b"1 0 0\n0 0 0"), open_model(path)).prediction.kind == "values"
    body += " q = DequantizeLinear (y, scale, z)"
    path = save_model(tmp_path / "m.onnx", body, out="float[N,M] q", arrays=arrays)
    got = classify(open_picture(b"1 0 0\n0 0 0"), open_model(path)).prediction
    assert probabilities(got) == pytest.approx(SOFTMAX, abs=0.5 / 255)


def test_class_names_that_are_too_few_are_said_so(tmp_path):
    pytest.importorskip("onnxruntime")
    path = save_model(tmp_path / "m.onnx", f"{SUMS} y = Softmax (m)", arrays={"w": WEIGHT})
    (tmp_path / "m.onnx.yaml").write_text("classes: [a, b]\n")
    got = classify(open_picture(b"1 0 0\n0 0 0"), open_model(path)).prediction
    assert [one.name for one in got.scores] == ["0", "1", "2"]
    assert got.notes == ("2 class names for 3 values: numbers are shown instead",)
