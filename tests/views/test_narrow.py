"""Tables on narrow terminals: no line is wider than the terminal, and no name or number is lost without need."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from cnnfilter.images.read import open_picture
from cnnfilter.library.kernel import Kernel
from cnnfilter.library.load import load_kernels
from cnnfilter.networks.model import open_model, whole_plan
from cnnfilter.networks.results import Score
from cnnfilter.run.image import Request, do_image
from cnnfilter.run.network import NetworkOptions, classify
from cnnfilter.run.options import make_options
from cnnfilter.run.plans import plan_job
from cnnfilter.run.steps import kernel_steps
from cnnfilter.views.network import bars, layer_table
from cnnfilter.views.plans import network_plan_table, plan_table
from cnnfilter.views.terminal import summary_text, text_width

DIGITS = Path(__file__).parents[2] / "samples" / "digits"


def widest(text):
    return max(map(text_width, text.splitlines()))


@pytest.fixture(scope="module")
def result():
    return classify(open_picture(DIGITS / "digit-7.png"), open_model(DIGITS / "digits.yaml"), NetworkOptions())


@pytest.mark.parametrize("width", range(10, 121, 5))
def test_a_row_of_layers_never_wraps(result, width):
    table = layer_table(result, width)
    assert widest(table) <= width
    assert all(layer.name[:3] in table for layer in result.layers)


def test_columns_give_way_one_after_the_other(result):
    headers = [layer_table(result, width).split("\n")[0].split() for width in range(120, 10, -1)]
    counts = [len(header) for header in headers]
    assert counts == sorted(counts, reverse=True)
    gone = [set(before) - set(after) for before, after in pairwise(headers)]
    order = [name for names in gone for name in sorted(names)]
    assert [name for name in order if name not in ("multiply-adds", "parameters")] == [
        "macs", "numbers", "sees", "kind", "zeros", "max", "min", "output",
    ]  # fmt: skip


@pytest.mark.parametrize("width", [24, 30, 40, 60, 80])
def test_what_is_said_of_maps_fits_too(width):
    options = make_options()
    kernels = load_kernels("sobel-x", "gaussian:sigma=3")
    request = Request(kernel_steps(kernels, options), options, "auto")
    done = do_image(request, open_picture(DIGITS.parent / "scene.png"), [])
    text = summary_text([one.result for one in done], width=width)
    assert widest(text) <= width
    assert all(word in text for word in ("sobel-x", "gaussian-sigma3", "510", "non-zero"))


@pytest.mark.parametrize("width", [20, 26, 40, 60, 80, 120])
def test_plans_and_bars_fit(result, width):
    model = open_model(DIGITS / "digits.yaml")
    assert widest(network_plan_table(whole_plan(model), width)) <= width
    assert widest(bars([Score(f"a class with a long name {n}", n, 0.9 / (n + 1)) for n in range(5)], width)) <= width
    long = Kernel("k" * 300, "k", np.ones((3, 3)))
    options, picture = make_options(), open_picture(DIGITS / "digit-7.png")
    job = plan_job(Request(kernel_steps([long], options), options, "auto").on(picture), picture, [])
    assert widest(plan_table(job, width)) <= width
