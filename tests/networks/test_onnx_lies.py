"""What is claimed of ONNX graphs of every kind, held against what each changed row and column changes.

A claim may be missing, and is never wrong: values depend on their window from end to end, and on nothing outside it.
"""

import contextlib
import re

import numpy as np
import pytest
from onnx_models import save_model

pytest.importorskip("onnxruntime")

from cnnfilter.errors import CnnFilterError
from cnnfilter.networks.model import open_model

ROWS, COLUMNS, CHANNELS = 12, 10, 4
DRAW = np.random.default_rng(5)


def weights(*shape):
    return DRAW.standard_normal(shape).astype(np.float32)


ARRAYS = {
    "k3": weights(4, 4, 3, 3), "k2": weights(4, 4, 2, 2), "k1": weights(4, 4, 1, 1), "k5": weights(4, 4, 5, 5),
    "side": weights(4, 4, 1, 10), "up": weights(4, 4, 12, 1), "depth": weights(4, 1, 3, 3), "half": weights(2, 2, 3, 3),
    "m4": weights(4, 4), "m10": weights(10, 10), "m12": weights(12, 12), "fc": weights(480, 6), "fcT": weights(6, 480),
    "v4": weights(4), "v1": weights(1, 4, 1, 1), "plane": weights(1, 1, 12, 10), "row": weights(1, 1, 1, 10),
    "ax1": [1], "ax2": [2], "ax3": [3], "ax12": [1, 2], "ax23": [2, 3], "ax123": [1, 2, 3], "none": np.zeros(0, int),
    "z": [0], "one": [1], "two": [2], "five": [5], "many": [99], "last": [-1], "zz": [0, 0], "ones": [1, 1],
    "twos": [2, 2], "far": [99, 99], "back": [-1, -1], "minus": [-1],
    "pads": [0, 0, 2, 1, 0, 0, 1, 2], "pads2": [2, 1, 1, 2], "crop": [0, 0, -2, 0, 0, 0, 0, -1],
    "ponc": [0, 1, 0, 0, 0, 1, 0, 0], "nhwc_pads": [0, 1, 2, 0, 0, 2, 1, 0],
    "scales": np.array([1, 1, 2, 2], np.float32), "flat": [1, 480], "tokens": [1, 4, 120], "again": [1, 4, 12, 10],
    "mixed": [1, 4, 10, 12], "grouped": [1, 2, 2, 12, 10], "folded": [1, 2, 24, 10], "bgr": [2, 1, 0, 3],
    "v10": weights(10), "all": weights(4, 12, 10), "sixes": [6, 6], "threes": [3, 9], "spread": [1, 1, 12, 10],
}  # fmt: skip
C3 = "Conv <pads = [1, 1, 1, 1]>"
TO_LAST, TO_FIRST = "Transpose <perm = [0, 2, 3, 1]>", "Transpose <perm = [0, 3, 1, 2]>"

#: Graphs of which something must be known.
KNOWN = {
    "conv": "y = Conv (x, k3)",
    "grouped": "y = Conv <group = 4, pads = [1, 1, 1, 1]> (x, depth)",
    "chain": f"a = {C3} (x, k3) b = Relu (a) c = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (b) "
    f"y = {C3} (c, k3)",
    "dilated": "a = Conv <dilations = [2, 1]> (x, k3) y = Conv <strides = [2, 3]> (a, k2)",
    "same lower": 'y = Conv <auto_pad = "SAME_LOWER", strides = [2, 2]> (x, k2)',
    "ceil": "a = AveragePool <kernel_shape = [3, 3], strides = [2, 2], ceil_mode = 1> (x) y = Conv (a, k2)",
    "asymmetric": "y = Conv <pads = [2, 0, 0, 1]> (x, k3)",
    "residual": f"a = {C3} (x, k3) b = Relu (a) c = {C3} (b, k3) d = Add (c, x) y = Relu (d)",
    "inception": f"a = {C3} (x, k3) b = Conv (x, k1) c = Concat <axis = 1> (a, b) d = Slice (c, two, five, ax1) "
    "y = Conv (a, k1)",
    "negative axis": f"a = {C3} (x, k3) c = Concat <axis = -3> (a, x) y, r = Split <axis = 1> (c)",
    "nhwc": f"a = {TO_LAST} (x) b = MatMul (a, m4) c = Add (b, v4) d = {TO_FIRST} (c) y = {C3} (d, k3)",
    "nhwc softmax": f"a = {TO_LAST} (x) b = Softmax <axis = -1> (a) y = {TO_FIRST} (b)",
    "nhwc norm": f"a = {TO_LAST} (x) b = LayerNormalization (a, v4) y = {TO_FIRST} (b)",
    "nhwc slice": f"a = {TO_LAST} (x) b = Slice (a, ones, far, ax12) y = {TO_FIRST} (b)",
    "nhwc pad": f"a = {TO_LAST} (x) b = Pad (a, nhwc_pads) c = {TO_FIRST} (b) y = Conv (c, k3)",
    "softmax of channels": "a = Softmax <axis = 1> (x) y = Conv (a, k2)",
    "squeeze and excitation": f"a = {C3} (x, k3) g = GlobalAveragePool (a) h = Conv (g, k1) s = Sigmoid (h) "
    "y = Mul (a, s)",
    "reduced, beside": "g = ReduceMean <axes = [2, 3]> (x) y = Mul (x, g)",
    "mean to a vector": "g = ReduceMean <axes = [2, 3], keepdims = 0> (x) y = MatMul (g, m4)",
    "mean of channels": "a = ReduceMean <axes = [1]> (x) y = MaxPool <kernel_shape = [3, 3]> (a)",
    "global max": "a = Conv (x, k3) y = GlobalMaxPool (a)",
    "instance": "y = InstanceNormalization (x, v4, v4)",
    "flatten, dense": "a = Flatten (x) y = MatMul (a, fc)",
    "flatten, gemm": "a = Reshape (x, flat) y = Gemm <transB = 1> (a, fcT)",
    "flatten a part": "a = Slice (x, z, five, ax2) b = Flatten (a) c = Relu (b) y = Softmax (c)",
    "flatten softmax": "a = Flatten (x) y = Softmax (a)",
    "groups of channels": f"a = Reshape (x, grouped) b = Transpose <perm = [0, 2, 1, 3, 4]> (a) c = Reshape (b, again) "
    f"y = {C3} (c, k3)",
    "other channels first": f"a = Gather <axis = 1> (x, bgr) y = {C3} (a, k3)",
    "padded": "a = Pad (x, pads) y = Conv (a, k5)",
    "padded channels": "a = Pad (x, ponc) b = Slice (a, one, five, ax1) y = Conv (b, k2)",
    "cropped": "a = Pad (x, crop) y = Conv (a, k3)",
    "sliced": "a = Slice (x, ones, far, ax23) y = Conv (a, k3)",
    "strided slices": "a = Slice (x, zz, far, ax23, twos) b = Slice (x, ones, far, ax23, twos) y = Add (a, b)",
    "neighbours": "a = Slice (x, ones, far, ax23) b = Slice (x, zz, back, ax23) y = Sub (a, b)",
    "split rows": "a, b = Split <axis = 2> (x, sixes) y = Conv (b, k3)",
    "constant beside": "a = Add (x, plane) b = Mul (a, row) c = Mul (b, v1) y = Clip (c)",
    "a row of all columns": "y = Conv (x, side)",
    "one cell": "a = Conv (x, side) b = Conv (a, up) y = Conv (b, k1)",
    "local response": "a = LRN <size = 3> (x) y = Conv (a, k2)",
    "space to depth": "y = SpaceToDepth <blocksize = 2> (x)",
    "resized": 'a = Resize <mode = "nearest"> (x, , scales) y = Relu (a)',
    "squeezed and back": "a = ReduceMax <axes = [1]> (x) b = Squeeze (a, ax1) c = Unsqueeze (b, ax1) "
    "y = MaxPool <kernel_shape = [2, 2]> (c)",
    "expanded": "a = ReduceMax <axes = [1]> (x) b = Expand (a, again) y = Conv (b, k2)",
    "a mean everywhere": "a = GlobalAveragePool (x) y = Expand (a, again)",
}  # fmt: skip
#: Graphs of which nothing, or little, can be said: what is must be right.
OTHERS = {
    "rows beside rows": "a = Concat <axis = 2> (x, x) y = Conv (a, k3)",
    "columns beside columns": "a = Concat <axis = -1> (x, x) y = Conv (a, k3)",
    "nhwc rows": f"a = {TO_LAST} (x) b = Concat <axis = 1> (a, a) y = {TO_FIRST} (b)",
    "a mean of a window of all": "a = AveragePool <kernel_shape = [12, 10]> (x) y = Mul (x, a)",
    "a corner everywhere": "a = Slice (x, zz, ones, ax23) y = Mul (x, a)",
    "a pooled corner": "a = Slice (x, zz, twos, ax23) b = MaxPool <kernel_shape = [2, 2]> (a) y = Add (x, b)",
    "a row everywhere": "a = Slice (x, z, one, ax2) y = Add (x, a)",
    "a convolved row": "a = Conv (x, up) y = Mul (x, a)",
    "softmax along rows": "y = Softmax <axis = 2> (x)",
    "softmax along columns": "y = Softmax <axis = -1> (x)",
    "nhwc softmax along rows": f"a = {TO_LAST} (x) b = Softmax <axis = 1> (a) y = {TO_FIRST} (b)",
    "wrong way": f"a = {TO_FIRST} (x) y = Relu (a)",
    "turned": "a = Transpose <perm = [0, 1, 3, 2]> (x) y = Relu (a)",
    "turned, conv": "a = Transpose <perm = [0, 1, 3, 2]> (x) y = Conv (a, k3)",
    "turned twice": "a = Transpose <perm = [0, 1, 3, 2]> (x) b = Transpose <perm = [0, 1, 3, 2]> (a) y = Conv (b, k3)",
    "mirrored border": 'a = Pad <mode = "reflect"> (x, pads) y = Conv (a, k3)',
    "repeated border": 'a = Pad <mode = "edge"> (x, pads) y = Conv (a, k3)',
    "rows of a plane": "a = ReduceMean <axes = [2]> (x) y = Mul (x, a)",
    "mean of a channel axis and rows": "y = ReduceMean <axes = [1, 2], keepdims = 0> (x)",
    "columns to columns": "y = MatMul (x, m10)",
    "rows to rows": "y = MatMul (m12, x)",
    "products of maps": "a = Transpose <perm = [0, 1, 3, 2]> (x) b = MatMul (x, a) y = Relu (b)",
    "a part with a border": f"a, b = Split <axis = 2> (x, sixes) y = {C3} (a, k3)",
    "unequal parts": f"a, b = Split <axis = 2> (x, threes) y = {C3} (b, k3)",
    "a slice with a border": f"a = Slice (x, twos, far, ax23) y = {C3} (a, k3)",
    "a crop with a border": "a = Pad (x, crop) b = Pad (a, pads) y = Conv (b, k3)",
    "backwards": "a = Slice (x, last, minus, ax3, minus) y = Relu (x)",
    "tokens": "a = Reshape (x, tokens) b = Softmax <axis = -1> (a) y = Reshape (b, again)",
    "rows and columns mixed": "a = Reshape (x, mixed) y = Conv (a, k3)",
    "rows of two channels": "a = Reshape (x, folded) y = Relu (a)",
    "flattened and back": "a = Flatten (x) b = Reshape (a, mixed) y = Conv (b, k3)",
    "a flattened sum": "a = Reshape (x, mixed) b = Add (a, a) c = Reshape (b, again) y = Add (c, x)",
    "linear": 'a = Resize <mode = "linear"> (x, , scales) y = Relu (a)',
    "cubic": 'a = Resize <mode = "cubic"> (x, , scales) y = Conv (a, k3)',
    "transposed": "y = ConvTranspose (x, k3)",
    "depth to space": "y = DepthToSpace <blocksize = 2> (x)",
    "wide border of one cell": "a = GlobalAveragePool (x) y = Conv <pads = [1, 1, 1, 1]> (a, k2)",
    "norm of all": "y = LayerNormalization <axis = 1> (x, all)",
    "norm of rows": "y = LayerNormalization <axis = 3> (x, v10)",
    "cumulated": "y = CumSum (x, ax2)",
    "the place of the largest": "y = Hardmax <axis = 2> (x)",
}  # fmt: skip


def opened(tmp_path, body, opset=17):
    used = {name: np.asarray(array) for name, array in ARRAYS.items() if re.search(rf"\b{name}\b", body)}
    feed = f"float[1,{CHANNELS},{ROWS},{COLUMNS}] x"
    return open_model(
        save_model(tmp_path / "m.onnx", body, feed=feed, out="float[A,B,C,D] y", arrays=used, opset=opset)
    )


def depends(model):
    """Return which rows and which columns of the picture each value of y depends on: two masks, a line in front."""
    draw = np.random.default_rng(2)
    base = draw.standard_normal((CHANNELS, ROWS, COLUMNS)).astype(np.float32)
    before = np.asarray(model.run(base)["y"])
    masks = []
    for axis in (1, 2):
        lines = []
        for place in range(base.shape[axis]):
            seen = np.zeros(before.shape, bool)
            for change in (9, -9, 0.5):
                changed = base.copy()
                part = (slice(None),) * axis + (place,)
                changed[part] += change * (1 + draw.random(changed[part].shape, np.float32))
                seen |= np.asarray(model.run(changed)["y"]) != before
            lines.append(seen)
        masks.append(np.array(lines))
    return masks


def windows(field, axis, count):
    """Return the first cell and the one after the last of each window along an axis, cut at the picture's ends."""
    jump = 0 if field.jump is None else field.jump[axis]
    first = field.begin[axis] + jump * np.arange(count)
    return np.clip(first, 0, (ROWS, COLUMNS)[axis]), np.clip(first + field.size[axis], 0, (ROWS, COLUMNS)[axis])


def hold(model):
    """Hold what is claimed of y against what it depends on; return the claim."""
    (plan,) = (layer for layer in model.plan(None).layers if layer.name == "y")
    field, masks = plan.field, depends(model)
    for axis, mask in enumerate(masks):
        if not field.known:
            continue
        if field.size is None:
            assert mask[0].all()
            assert mask[-1].all()
            continue
        places = np.arange(len(mask)).reshape(-1, *[1] * (mask.ndim - 1))
        some = mask.any(axis=0)
        low = np.where(mask, places, len(mask)).min(axis=0)
        high = np.where(mask, places, -1).max(axis=0) + 1
        assert ((high - low)[some] <= field.size[axis]).all()
        if not field.even:
            continue
        lined = [np.moveaxis(np.atleast_1d(ends), 1 + axis if field.jump else 0, -1) for ends in (low, high, some)]
        count = lined[0].shape[-1] if field.jump else 1
        starts, stops = windows(field, axis, count)
        assert (lined[0] >= starts)[lined[2]].all()
        assert (lined[1] <= stops)[lined[2]].all()
        others = tuple(range(lined[0].ndim - 1)) if field.jump else None
        reached = np.atleast_1d(lined[0].min(axis=others)), np.atleast_1d(lined[1].max(axis=others))
        full = reached[1] > 0  # what a border alone makes depends on nothing
        assert (reached[0][full] == starts[full]).all()
        assert (reached[1][full] == stops[full]).all()
    return field


@pytest.mark.parametrize("case", KNOWN)
def test_what_must_be_known(tmp_path, case):
    assert hold(opened(tmp_path, KNOWN[case])).known


@pytest.mark.parametrize("case", OTHERS)
def test_what_is_claimed_is_right(tmp_path, case):
    hold(opened(tmp_path, OTHERS[case]))


@pytest.mark.parametrize("body", ["y = Softmax (x)", "y = Softmax <axis = 2> (x)", "y = Softmax <axis = 3> (x)",
                                  "a = Slice <starts = [1, 0], ends = [9, 9], axes = [2, 3]> (x) y = Relu (a)",
                                  "a = Pad <pads = [0, 0, 1, 2, 0, 0, 0, 0]> (x) y = Conv (a, k3)"])  # fmt: skip
def test_what_earlier_opsets_mean(tmp_path, body):
    hold(opened(tmp_path, body, opset=9))


def test_pads_of_some_axes(tmp_path):
    hold(opened(tmp_path, "a = Pad (x, pads2, , ax23) y = Conv (a, k3)", opset=18))
    hold(opened(tmp_path, "a = ReduceMean (x, ax23) y = Mul (x, a)", opset=18))
    model = opened(tmp_path, "y = ReduceMean <noop_with_empty_axes = 1> (x)", opset=18)
    assert model.plan(None).layers[0].field.as_json() == {"receptive_field": [1, 1], "jump": [1, 1], "begin": [0, 0]}


#: What a random chain is made of.
LINKS = [
    f"{C3} (@, k3)",
    "Conv (@, k2)",
    "Relu (@)",
    "MaxPool <kernel_shape = [2, 2]> (@)",
    "Softmax <axis = 1> (@)",
    "Slice (@, ones, far, ax23)",
    "Slice (@, zz, back, ax23)",
    "Pad (@, pads)",
    "Gather <axis = 1> (@, bgr)",
    "Transpose <perm = [0, 1, 3, 2]> (@)",
    f"{TO_LAST} (@)",
    f"{TO_FIRST} (@)",
    "Slice (@, z, five, ax2)",
    "AveragePool <kernel_shape = [3, 1], strides = [2, 1]> (@)",
    "Add (@, @)",
    "Softmax <axis = 2> (@)",
    "Concat <axis = 2> (@, @)",
    "Add (@, v4)",
    "MatMul (@, m4)",
]
#: Those that lose no place.
PLAIN = [
    f"{C3} (@, k3)", "Conv <strides = [2, 1]> (@, k2)", "Relu (@)", "MaxPool <kernel_shape = [2, 2]> (@)",
    "Slice (@, ones, far, ax23)", "Pad (@, pads)", f"{TO_LAST} (@)", f"{TO_FIRST} (@)", "Add (@, @)",
]  # fmt: skip


@pytest.mark.parametrize("seed", range(60))
def test_chains_drawn_at_random(tmp_path, seed):
    draw = np.random.default_rng(seed)
    last, body = "x", ""
    for link in draw.permutation([*LINKS, *PLAIN * 4])[:6]:
        tried = f"{body} {last}0 = {link.replace('@', last)}"
        model = opened(tmp_path, f"{tried} y = Identity ({last}0)")
        with contextlib.suppress(CnnFilterError):  # a link that does not fit there is left out
            model.run(np.ones((CHANNELS, ROWS, COLUMNS), np.float32))
            last, body = f"{last}0", tried
    hold(opened(tmp_path, f"{body} y = Identity ({last})"))
