"""Receptive fields of network files, held against what a changed pixel changes."""

import itertools

import numpy as np
import pytest

import cnnfilter
from cnnfilter.networks import load_network
from cnnfilter.networks.plan import plan_network

ONES = "kernels: ['1 1 1; 1 1 1; 1 1 1']"
SPREAD = "{name: a, kind: conv-transpose, weights: [[[[1, 1, 1], [1, 1, 1], [1, 1, 1]]]], padding: 1"
LAYERS = {
    "conv": [f"{{name: a, kind: conv, {ONES}, stride: '2,1', padding: '1,0,2,1'}}"],
    "dilated": [
        f"{{name: a, kind: conv, {ONES}, dilation: 2, padding: same}}", "{name: b, kind: pool, pool: avg, size: 2}",
    ],
    "pool": [
        "{name: a, kind: pool, pool: avg, size: '3,2', stride: 2, padding: 1}", f"{{name: b, kind: conv, {ONES}}}",
    ],
    "residual": [
        f"{{name: a, kind: conv, {ONES}, padding: '0,2,0,2'}}", f"{{name: b, kind: conv, {ONES}, padding: '2,0,2,0'}}",
        "{name: c, kind: add, from: [b, input]}", f"{{name: d, kind: conv, {ONES}, stride: 2}}",
    ],
    "side by side": [
        f"{{name: a, kind: conv, {ONES}, padding: '0,2,0,2'}}",
        f"{{name: b, kind: conv, {ONES}, padding: '2,0,2,0', from: [input]}}",
        "{name: c, kind: concat, from: [a, b]}", "{name: d, kind: conv, weights: [[[[1]], [[1]]]]}",
    ],
    "shared evenly": ["{name: a, kind: pool, pool: avg, mode: adaptive, output_size: '4,6'}"],
    "all of a map": [f"{{name: a, kind: conv, {ONES}}}", "{name: b, kind: pool, pool: avg, mode: global}"],
    "spread, stride 1": [SPREAD + "}"],
    "resized to cells": ["{name: a, kind: resize, scale: [0.5, 0.25]}", f"{{name: b, kind: conv, {ONES}}}"],
    "resized to middles": ["{name: a, kind: resize, size: [4, 6], mode: linear}", f"{{name: b, kind: conv, {ONES}}}"],
    "resized by cubics": [f"{{name: a, kind: conv, {ONES}}}", "{name: b, kind: resize, size: [5, 10], mode: cubic}"],
    "resized to nothing new": ["{name: a, kind: resize, size: 12, mode: cubic}"],
    "cut": [
        f"{{name: a, kind: conv, {ONES}, padding: 1}}", "{name: b, kind: slice, rows: '2:-1:3', columns: '-9:'}",
        f"{{name: c, kind: conv, {ONES}}}",
    ],
    "framed": [
        "{name: a, kind: pad, padding: '3,0,1,2'}", f"{{name: b, kind: conv, {ONES}, stride: 2}}",
        "{name: c, kind: pad, padding: 1, padding_mode: 'constant:5'}", f"{{name: d, kind: conv, {ONES}}}",
    ],
    "cells by themselves": [
        f"{{name: a, kind: conv, {ONES}, padding: same}}", "{name: b, kind: concat, from: [a, input]}",
        "{name: c, kind: layer-norm}", "{name: d, kind: slice, channels: ':1'}",
    ],
    "gates of cells": [
        f"{{name: a, kind: conv, {ONES}, padding: '0,2,0,2'}}", "{name: b, kind: concat, from: [a, input]}",
        "{name: c, kind: multiply, from: [b, a, input]}",
    ],
    "one cell made many": [
        "{name: a, kind: pool, pool: global-avg}", "{name: b, kind: resize, scale: 3, mode: linear}",
        "{name: c, kind: conv, kernels: '2'}",
    ],
}  # fmt: skip
UNEVEN = {
    "shared unevenly": ["{name: a, kind: pool, pool: avg, mode: adaptive, output_size: 5}"],
    "drawn": ["{name: a, kind: pool, pool: avg, mode: fractional, size: 2, output_size: 6}"],
    "spread": [SPREAD + ", stride: 2}"],
    **{
        f"{mode}, {text}": [f"{{name: a, kind: conv, {ONES}}}", f"{{name: b, kind: resize, mode: {mode}, {how}}}"]
        for mode in ("nearest", "linear", "cubic")
        for text, how in (("twice", "scale: 2"), ("smaller", "scale: 0.7"), ("larger", "size: [13, 29]"))
    },
    "windows over cells made many": [
        "{name: a, kind: resize, scale: 2}", f"{{name: b, kind: conv, {ONES}}}",
        "{name: c, kind: pool, pool: 'avg:3:1'}",
    ],
    "shuffled": [
        f"{{name: a, kind: conv, weights: {[[[[1, 1], [1, 1]]]] * 4}}}",
        "{name: b, kind: depth-to-space, block_size: 2}",
    ],
}  # fmt: skip
SIZE = 12


def field_and_lines(tmp_path, layers, last=-1):
    """Return the plan's field of the last layer, and for each of its values the rows and columns that change it."""
    path = tmp_path / "net.yaml"
    path.write_text(
        "\n".join([f"input: {{channels: 1, size: [{SIZE}, {SIZE}]}}", "layers:", *(f"  - {one}" for one in layers)])
    )
    network = load_network(path)
    field = plan_network(network).layers[last].field
    base = np.random.default_rng(0).random((1, SIZE, SIZE))

    def ended(image):
        *_, values = cnnfilter.run_network(network, image).values()
        return values[0] if values.ndim == 3 else values[None]

    before = ended(base)
    touched = np.zeros((2, SIZE, *before.shape), bool)
    for axis, line in np.ndindex(2, SIZE):
        changed = base.copy()
        changed[(slice(None),) * (axis + 1) + (line,)] += 100
        touched[axis, line] = ended(changed) != before
    return field, touched


@pytest.mark.parametrize("case", LAYERS)
def test_a_value_sees_from_where_the_plan_says_to_where_it_says(tmp_path, case):
    field, touched = field_and_lines(tmp_path, LAYERS[case])
    assert field.even
    for at in itertools.product(*map(range, touched.shape[2:])):
        for axis in range(2):
            begin = field.begin[axis] + at[axis] * (field.jump or (0, 0))[axis]
            first, last = max(begin, 0), min(begin + field.size[axis], SIZE) - 1
            found = np.flatnonzero(touched[axis][(slice(None), *at)])
            if found.size:  # a value of padding alone sees nothing
                assert (found[0], found[-1]) == (first, last), (axis, at)


@pytest.mark.parametrize("case", UNEVEN)
def test_the_largest_of_uneven_windows_is_what_the_plan_says(tmp_path, case):
    field, touched = field_and_lines(tmp_path, UNEVEN[case])
    assert not field.even
    assert field.as_json()["begin"] is None
    for axis in range(2):
        lengths = touched[axis].sum(axis=0)
        assert lengths.max() == field.size[axis]


SEEN = {
    "gates": [
        f"{{name: a, kind: conv, {ONES}}}", "{name: b, kind: pool, pool: global-avg}",
        "{name: c, kind: multiply, from: [a, b]}",
    ],
    "a gate for each cell": [
        "{name: a, kind: pool, pool: global-max}", "{name: b, kind: resize, size: 12}",
        "{name: c, kind: multiply, from: [input, b]}",
    ],
    "groups": ["{name: a, kind: group-norm, groups: 1}"],
    "an image": ["{name: a, kind: layer-norm, over: image}"],
}  # fmt: skip


@pytest.mark.parametrize("case", SEEN)
def test_what_hangs_on_all_of_a_map_sees_everything(tmp_path, case):
    field, touched = field_and_lines(tmp_path, SEEN[case])
    assert field.size is None
    if case != "a gate for each cell":  # the largest cell alone moves it
        assert touched.all()


def test_of_a_vector_of_many_cells_no_place_is_said(tmp_path):
    field, _ = field_and_lines(
        tmp_path, ["{name: a, kind: flatten}", "{name: b, kind: activation, activation: relu}"], last=0
    )
    assert (field.size, field.jump, field.even) == ((1, 1), None, False)
    single = [f"{{name: a, kind: conv, {ONES}}}", "{name: b, kind: pool, pool: avg, mode: global}"]
    field, _ = field_and_lines(tmp_path, [*single, "{name: c, kind: flatten}"], last=1)
    assert (field.size, field.even) == ((12, 12), True)


def test_a_border_that_goes_round_is_not_seen_at_one_place(tmp_path):
    layers = [f"{{name: a, kind: conv, {ONES}, padding: 1, padding_mode: circular}}"]
    field, touched = field_and_lines(tmp_path, layers)
    assert not field.even
    assert np.flatnonzero(touched[0][:, 0, 0]).tolist() == [0, 1, SIZE - 1]


def test_a_window_over_one_cell_sees_what_it_sees(tmp_path):
    layers = [
        "{name: a, kind: pool, pool: avg, mode: adaptive, output_size: 1}",
        f"{{name: b, kind: conv, {ONES}, padding: 1}}",
    ]
    field, _ = field_and_lines(tmp_path, layers)
    assert field.size == (SIZE, SIZE)
