"""What a job would take: `plan` says it, and it is refused beyond that before it begins."""

import inspect
import json

import numpy as np
import pytest

from cnnfilter.cli.convolve import convolve
from cnnfilter.cli.plan import plan

SIZE = 40, 50  # rows, columns
HELD = 38 * 48 * 4


@pytest.fixture
def grid(tmp_path):
    np.save(tmp_path / "grid.npy", np.arange(SIZE[0] * SIZE[1], dtype=np.uint8).reshape(SIZE))
    return "grid.npy"


JOBS = [
    [], ["-f", "npy"], ["-f", "npy", "--padding", "10"], ["-f", "npy", "-k", "blur"],
    ["-f", "npy", "-k", "blur", "--stack"], ["-k", "blur", "--stack"], ["-f", "npy", "-k", "blur", "--combine", "max"],
    ["-k", "1", "--combine", "magnitude", "--padding", "same"], ["--pool", "max:2"],
    ["--pool", "global-avg", "-f", "csv"], ["--activation", "softmax:axis=1", "-f", "json"],
    ["-f", "npy", "--dtype", "float64"], ["--table"], ["--preview"],
    ["--padding", "20"], ["--display", "percentile:99"], ["-f", "jpg"], ["-f", "tiff", "-f", "webp"], ["--flatten"],
    ["--as", "opencv", "--range", "unit"], ["--colormap", "viridis", "-f", "jpg"], ["--pool", "fractional-max:2"],
    ["--zoom", "3"], ["-f", "jpg", "-f", "tiff", "--zoom", "2"], ["-k", "blur", "--scale", "shared"],
    ["-k", "blur", "--stack", "--scale", "shared", "--zoom", "2"], ["--pool", "max:2", "--zoom", "3"],
    ["-k", "blur", "--scale", "shared", "--display", "percentile:90"],
]  # fmt: skip


@pytest.mark.parametrize("words", JOBS, ids=" ".join)
def test_plan_and_run_and_limit_have_one_figure(cnnfilter_run, grid, tmp_path, words):
    line = [grid, "-k", "sobel-x", *words]
    planned = cnnfilter_run("plan", *line, "--json")
    assert planned.code == 0, planned.err
    need = json.loads(planned.out)["peak_bytes"]
    for command in ("convolve", "plan"):
        refused = cnnfilter_run(command, *line, "-q", "--max-memory", need - 1)
        assert refused.code == 4
        assert refused.err.startswith("cnnfilter: error: 'grid.npy': this needs ")
        assert f"(--max-memory {need} raises it)" in refused.err
        assert [path.name for path in tmp_path.iterdir()] == [grid]
    assert cnnfilter_run("plan", *line, "-q", "--max-memory", need).code == 0
    assert [path.name for path in tmp_path.iterdir()] == [grid]
    done = cnnfilter_run("convolve", *line, "-q", "--max-memory", need)
    assert done.code == 0, done.err


@pytest.mark.parametrize(
    ("words", "maps"),
    [
        (["-f", "npy"], HELD),
        (["-f", "npy", "--padding", "10"], 58 * 68 * 4),
        (["-f", "npy", "--stride", "2"], 19 * 24 * 4),
        (["-f", "npy", "-k", "blur"], HELD),  # one after the other
        (["-f", "npz", "-k", "blur", "--stack"], 2 * HELD),
        (["-f", "npy", "-k", "blur", "--table"], 2 * HELD),
        (["-f", "npy", "-k", "blur", "--scale", "shared"], 2 * HELD),
        (["-k", "blur", "--scale", "shared"], 0),
        (["-f", "npy", "-k", "blur", "--combine", "max"], HELD),
        (["-f", "npy", "-k", "1", "--combine", "max", "--padding", "same"], 4 * 40 * 50 * 4),
        (["-f", "npy", "--pool", "max:2"], HELD + 19 * 24 * 4),
        (["--pool", "global-avg"], HELD + 4),
        (["--pool", "adaptive-max:3,4"], HELD + 3 * 4 * 4),
        (["--activation", "softmax:axis=2"], 2 * HELD),
        (["--activation", "relu"], 0),
        (["--dtype", "float64", "-f", "npy"], 2 * HELD),
        ([], 0),
    ],
)
def test_maps_are_counted(cnnfilter_run, grid, words, maps):
    planned = json.loads(cnnfilter_run("plan", grid, "-k", "sobel-x", *words, "--json").out)
    assert planned["images"][0]["bytes"]["maps"] == maps


def test_plan_takes_every_flag_of_convolve():
    takes = inspect.signature(plan).parameters
    for name, flag in inspect.signature(convolve).parameters.items():
        if name != "images":
            assert takes[name].annotation == flag.annotation, name


def test_plan_never_writes_and_reads_words_as_convolve_does(cnnfilter_run, grid, tmp_path):
    wrong = [
        ["-o", "a.png", "-k", "blur"], ["--display", "nosuch"], ["--colormap", "nosuch"], ["--at", "1"],
        ["--scale", "nosuch"], ["--zoom", "0"],
    ]  # fmt: skip
    for words in wrong:
        results = [cnnfilter_run(command, grid, "-k", "sobel-x", *words) for command in ("convolve", "plan")]
        assert [one.code for one in results] == [2, 2]
        assert results[0].err == results[1].err
    assert cnnfilter_run("plan", grid, "-k", "sobel-x", "-o", "folder/", "-f", "npy", "--stack").code == 0
    assert [path.name for path in tmp_path.iterdir()] == [grid]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--zoom", "9", "--max-pixels", "9999"], "--zoom 9 makes 432 x 342 = 147744 pixels, over the limit of 9999"),
        (["--colormap", "viridis"], "a colour map needs one channel, the maps have 3"),
    ],
)
def test_a_plan_refuses_the_pictures_that_the_run_refuses(cnnfilter_run, tmp_path, words, reason):
    np.save(tmp_path / "rgb.npy", np.arange(3 * SIZE[0] * SIZE[1]).reshape(3, *SIZE) % 251)
    for command, code in (("convolve", 3), ("plan", 2)):
        done = cnnfilter_run(command, "rgb.npy", "-k", "sobel-x", *words)
        assert (done.code, done.err.count("\n")) == (code, 1)
        assert reason in done.err
        assert [path.name for path in tmp_path.iterdir()] == ["rgb.npy"]


def test_a_plan_says_what_the_run_says(cnnfilter_run, grid):
    done = cnnfilter_run("plan", grid, "-k", "sobel", "--pool", "fractional-max:2", "--as", "opencv")
    assert "both in one: -k sobel-x -k sobel-y --combine magnitude" in done.err
    assert "fractional pooling leaves 1/sqrt(size) = 0.7071" in done.err
    assert "cnnfilter: note: as cv2.Sobel(image, -1, 1, 0, ksize=3): 3x3, " in done.err


def test_a_plan_says_how_the_picture_was_understood(cnnfilter_run, tmp_path):
    np.save(tmp_path / "last.npy", np.arange(6 * 8 * 3).reshape(6, 8, 3))
    done = cnnfilter_run("plan", "last.npy", "-k", "sobel-x")
    assert "cnnfilter: note: (6, 8, 3) is read as 6 x 8 pixels of 3 channels (--layout CHW reads" in done.err


@pytest.mark.parametrize("words", [[], ["--stack"], ["--combine", "magnitude"], ["--pool", "global-avg"]])
def test_plans_fit_the_terminal(cnnfilter_run, samples, words):
    done = cnnfilter_run(
        "plan", samples / "scene-color.png", "-k", "sobel-x", "-k", "gaussian:sigma=5", "-p", "same", *words,
        env={"COLUMNS": "80"},
    )  # fmt: skip
    assert done.code == 0
    assert max(map(len, done.out.splitlines())) <= 80


def test_plans_of_several_pictures(cnnfilter_run, grid, samples):
    done = cnnfilter_run("plan", grid, samples / "scene-color.png", "-k", "sobel-x", "-k", "blur", "--json")
    document = json.loads(done.out)
    assert [one["image"] for one in document["images"]] == [grid, str(samples / "scene-color.png")]
    assert [one["kernel"] for one in document["plans"]] == ["sobel-x", "box", "sobel-x", "box"]


@pytest.mark.parametrize("words", [[], ["-f", "npy"], ["--table"], ["--pool", "max:2"]])
@pytest.mark.parametrize("padding", [1_000_000, 1_000_000_000])
def test_huge_padding_is_a_lack_of_memory(cnnfilter_run, samples, tmp_path, padding, words):
    done = cnnfilter_run("convolve", samples / "grid-5x5.csv", "-k", "sobel-x", "--padding", padding, *words)
    assert (done.code, done.err.count("\n")) == (4, 1)
    assert " TB" in done.err
    assert not [*tmp_path.iterdir()]


REFUSED = [
    ["-k", "box:size=9", "--stack", "-f", "npy"], ["-k", "box:size=9", "--stack", "-f", "json"],
    ["--activation", "glu"], ["--activation", "glu:axis=1"],
    ["--activation", "softmax:axis=3", "-f", "npy"], ["--channels", "gray", "--activation", "softmax"],
]  # fmt: skip


@pytest.mark.parametrize("words", REFUSED, ids=" ".join)
def test_what_a_run_refuses_a_plan_refuses_in_the_same_words(cnnfilter_run, tmp_path, words):
    np.save(tmp_path / "three.npy", np.arange(3 * 21 * 20, dtype=np.uint8).reshape(3, 21, 20))
    line = ["three.npy", "-k", "sobel-x", "--layout", "CHW", *words]
    run, planned = (cnnfilter_run(command, *line) for command in ("convolve", "plan"))
    assert run.code in (2, 3)
    assert planned.code == 2
    assert not planned.out
    said = run.err.strip().removeprefix("cnnfilter: error: ").removeprefix("'three.npy': ")
    assert planned.err.strip().endswith(said)
    assert [path.name for path in tmp_path.iterdir()] == ["three.npy"]


@pytest.mark.parametrize("form", ["npz", "png"])
def test_maps_of_several_sizes_go_into_one_file_of_many(cnnfilter_run, grid, form):
    line = [grid, "-k", "sobel-x", "-k", "box:size=9", "--stack", "-f", form]
    assert [cnnfilter_run(command, *line).code for command in ("plan", "convolve")] == [0, 0]
