"""Receptive fields of ONNX graphs, held against what a changed pixel changes."""

import numpy as np
import pytest
from onnx_models import save_model

pytest.importorskip("onnxruntime")

from cnnfilter.networks.model import open_model

ONES = {"k": np.ones((4, 4, 3, 3), np.float32), "e": np.ones((4, 4, 2, 2), np.float32)}
INTS = {
    "two": np.array([2, 2]), "zero": np.array([0, 0]), "one": np.array([1, 1]), "end": np.array([99, 99]),
    "axes": np.array([2, 3]), "pads": np.array([0, 0, 2, 1, 0, 0, 1, 0]), "last": np.array([-1, -1]),
    "scales": np.array([1, 1, 2, 2], np.float32), "shuffled": np.array([1, 2, 2, 16, 16]),
    "back": np.array([1, 4, 16, 16]), "chan": np.array([1]), "from": np.array([0]), "upto": np.array([2]),
}  # fmt: skip
PADDED = "Conv <pads = [1, 1, 1, 1]>"

GRAPHS = {
    "conv": "y = Conv (x, k)",
    "conv, pool": f"a = {PADDED} (x, k) y = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (a)",
    "strided twice": "a = Conv <strides = [2, 2]> (x, k) y = Conv <strides = [2, 1]> (a, e)",
    "dilated": "y = Conv <dilations = [2, 3]> (x, k)",
    "same": 'a = Conv <auto_pad = "SAME_UPPER", strides = [2, 2]> (x, k) y = Conv <auto_pad = "SAME_UPPER"> (a, k)',
    "residual": f"a = {PADDED} (x, k) b = {PADDED} (a, k) y = Add (b, x)",
    "split": f"a, b = Split <axis = 1> (x) c = Concat <axis = 1> (b, a) y = {PADDED} (c, k)",
    "slice of channels": f"a = Slice (x, from, upto, chan) b = Concat <axis = 1> (a, a) y = {PADDED} (b, k)",
    "difference of neighbours": "a = Slice (x, one, end, axes) b = Slice (x, zero, last, axes) y = Sub (a, b)",
    "every second": "a = Slice (x, zero, end, axes, two) y = Conv (a, k)",
    "focus": "a = Slice (x, zero, end, axes, two) b = Slice (x, one, end, axes, two) y = Add (a, b)",
    "padded": "a = Pad (x, pads) y = Conv (a, k)",
    "nearest": 'a = Conv (x, k) y = Resize <mode = "nearest"> (a, , scales)',
    "nearest, conv": 'a = Resize <mode = "nearest"> (x, , scales) y = Conv (a, k)',
    "shuffle": f"a = Reshape (x, shuffled) b = Transpose <perm = [0, 2, 1, 3, 4]> (a) c = Reshape (b, back) "
    f"y = {PADDED} (c, k)",
    "cells to channels and back": "a = SpaceToDepth <blocksize = 2> (x) y = DepthToSpace <blocksize = 2> (a)",
}


def seen(model, size):
    """Return the first and the last row that the middle value of y depends on, and the columns."""
    rng = np.random.default_rng(1)
    base = rng.random((4, *size), dtype=np.float32)
    before = model.run(base)["y"]
    middle = (slice(None), before.shape[1] // 2, before.shape[2] // 2)
    spans = []
    for axis in (1, 2):
        lines = []
        for place in range(size[axis - 1]):
            changed = base.copy()
            changed[(slice(None),) * axis + (place,)] += 100
            if not np.array_equal(model.run(changed)["y"][middle], before[middle]):
                lines.append(place)
        spans.append((lines[0], lines[-1]))
    return spans, middle[1:]


@pytest.mark.parametrize("case", GRAPHS)
def test_the_field_is_what_a_value_sees(tmp_path, case):
    body = GRAPHS[case]
    used = {name: array for name, array in {**ONES, **INTS}.items() if f", {name}" in body}
    model = open_model(
        save_model(tmp_path / "m.onnx", body, feed="float[1,4,16,16] x", out="float[N,C,H,W] y", arrays=used)
    )
    (plan,) = (layer for layer in model.plan(None).layers if layer.name == "y")
    spans, at = seen(model, (16, 16))
    wanted, field = tuple(last - first + 1 for first, last in spans), plan.field
    if case == "cells to channels and back":
        assert field.size == (2, 2)  # the rule is that of the block, which each value may have come from
    elif case == "nearest, conv":
        assert all(w <= f <= w + 1 for f, w in zip(field.size, wanted, strict=True))  # it differs from cell to cell
    else:
        assert field.size == wanted
    assert field.even == ("nearest" not in case and case != "cells to channels and back")
    if field.even:
        begin = [first + place * step for first, place, step in zip(field.begin, at, field.jump, strict=True)]
        assert begin == [first for first, _ in spans]


def test_what_is_not_known_is_not_said(tmp_path):
    body = "s = Shape (x) a = Transpose <perm = [0, 1, 3, 2]> (x) y = Conv (a, k)"
    model = open_model(
        save_model(tmp_path / "m.onnx", body, feed="float[1,4,9,9] x", out="float[N,C,H,W] y", arrays={"k": ONES["k"]})
    )
    layers = {layer.name: layer.field for layer in model.plan(None).layers}
    assert layers["a"].as_json()["begin"] is None  # its rows are columns: no frame can be drawn
    assert not layers["y"].known


def test_everything_is_seen_after_a_mean_and_beside_it(tmp_path):
    body = f"a = {PADDED} (x, k) g = GlobalAveragePool (a) h = Conv (g, p) s = Sigmoid (h) y = Mul (a, s)"
    arrays = {"k": ONES["k"], "p": np.ones((4, 4, 1, 1), np.float32)}
    model = open_model(
        save_model(tmp_path / "m.onnx", body, feed="float[1,4,9,8] x", out="float[N,C,H,W] y", arrays=arrays)
    )
    layers = {layer.name: layer for layer in model.plan(None).layers}
    assert layers["h"].field.size == (11, 10)
    assert layers["y"].field.size is None  # each of its values is weighed by a mean of all


#: Graphs that break the rules of their nodes, or go round in a circle.
BROKEN = {
    "circle": "a = Identity (b) b = Identity (a) y = Identity (a)",
    "no inputs": "a = Identity () y = Softmax ()",
    "a number for a list": 'y = Conv <strides = 2, auto_pad = "SAME_UPPER", kernel_shape = [3, 3]> (x, x)',
    "lists of unlike length": "y = MaxPool <kernel_shape = [3, 3], strides = [2]> (x)",
    "steps of nothing": 'y = MaxPool <kernel_shape = [3, 3], strides = [0, 0], auto_pad = "SAME_UPPER"> (x)',
    "an axis that is none": "y = Split <axis = 99> (x)",
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_graphs_are_refused_in_one_line(tmp_path, case):
    from cnnfilter.errors import CnnFilterError

    path = save_model(tmp_path / "m.onnx", BROKEN[case], feed="float[1,4,9,9] x", out="float[N,C,H,W] y")
    model = open_model(path)
    assert not model.plan(None).layers[-1].field.known
    model.outline()
    with pytest.raises(CnnFilterError, match="ONNX Runtime"):
        model.run(np.zeros((4, 9, 9), np.float32))
