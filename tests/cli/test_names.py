"""Nothing is lost where names are equal: every map, kernel, layer and input has its own name and its own numbers."""

import csv
import json
import os

import numpy as np
import pytest
from network_files import write_network
from PIL import Image

from cnnfilter.images.read import read_image

GRID = np.array([[1, 2, 0, 1], [0, 1, 3, 1], [2, 2, 1, 0]], np.float32)
#: What two kernels of one row make of the grid, by hand: sums of three, and of the outer two.
SUMS = np.array([[3, 3], [4, 5], [5, 3]], np.float32)
OUTER = np.array([[1, 3], [3, 2], [3, 2]], np.float32)
BOTH = np.stack([SUMS, OUTER])
TWICE = ("-k", "1 1 1", "-k", "1 0 1")


@pytest.fixture
def grid(tmp_path):
    """Write the grid of numbers into the folder that the program runs in."""
    (tmp_path / "g.csv").write_text("\n".join(" ".join(map(str, row)) for row in GRID.astype(int)) + "\n")
    return "g.csv"


@pytest.fixture
def weights(tmp_path):
    """Two files of one stem with the two kernels."""
    for folder, row in (("a", [1, 1, 1]), ("b", [1, 0, 1])):
        (tmp_path / folder).mkdir()
        np.save(tmp_path / folder / "w.npy", np.array([row], np.float32))
    return "-k", "a/w.npy", "-k", "b/w.npy"


def stacked(path):
    """Return names and maps of a stack in any format."""
    if path.suffix == ".npy":
        return None, np.load(path)
    if path.suffix == ".npz":
        with np.load(path) as archive:
            return archive.files, np.stack([archive[name] for name in archive.files])
    if path.suffix == ".json":
        document = json.loads(path.read_text())
        return document["maps"], np.array(document["data"], np.float32)
    with path.open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    names = list(dict.fromkeys(row[0] for row in rows))
    return names, np.array([[row[2:] for row in rows if row[0] == name] for name in names], np.float32)


@pytest.mark.parametrize("form", ["npy", "npz", "csv", "json"])
@pytest.mark.parametrize("command", ["convolve", "batch"])
def test_a_stack_holds_every_map(cnnfilter_run, grid, tmp_path, command, form):
    done = cnnfilter_run(command, grid, *TWICE, "--stack", "-f", form, "-o", "r/")
    assert done.code == 0, done.err
    names, maps = stacked(tmp_path / "r" / f"g.stack.{form}")
    np.testing.assert_array_equal(maps, BOTH)
    assert names in (None, ["matrix-1x3", "matrix-1x3-2"])


@pytest.mark.parametrize("command", ["convolve", "batch"])
def test_weight_files_of_one_stem_are_two_kernels(cnnfilter_run, grid, weights, tmp_path, command):
    assert cnnfilter_run(command, grid, *weights, "-f", "npy", "-o", "r/").code == 0
    np.testing.assert_array_equal(np.load(tmp_path / "r" / "g.w.npy"), SUMS)
    np.testing.assert_array_equal(np.load(tmp_path / "r" / "g.w-2.npy"), OUTER)


def test_records_tell_equal_kernels_apart(cnnfilter_run, grid, weights, tmp_path):
    rows = json.loads(cnnfilter_run("convolve", grid, *weights, "-f", "npy", "--json").out)["results"]
    assert [(row["kernel"], row["spec"], row["outputs"]) for row in rows] == [
        ("w", "a/w.npy", ["g.w.npy"]), ("w-2", "b/w.npy", ["g.w-2.npy"]),
    ]  # fmt: skip
    assert [step["kernel"] for step in json.loads(cnnfilter_run("plan", grid, *weights, "--json").out)["plans"]] == [
        "w", "w-2",
    ]  # fmt: skip
    assert cnnfilter_run("batch", grid, *weights, "-o", "r", "--features", "t.csv", "--measures", "mean").code == 0
    (line,) = map(json.loads, (tmp_path / "r" / "manifest.jsonl").read_text().splitlines())
    assert [row["kernel"] for row in line["maps"]] == ["w", "w-2"]
    with (tmp_path / "t.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    means = {f"{name}.mean": repr(float(one.mean(dtype=np.float64))) for name, one in (("w", SUMS), ("w-2", OUTER))}
    assert row == {"input": "g.csv", **means}


def test_a_combination_records_every_kernel(cnnfilter_run, grid, weights, tmp_path):
    assert cnnfilter_run("convolve", grid, *weights, "--combine", "max", "-f", "json").code == 0
    document = json.loads((tmp_path / "g.max.json").read_text())
    assert document["parameters"]["kernels"] == {"w": [[1, 1, 1]], "w-2": [[1, 0, 1]]}
    assert document["data"] == SUMS.tolist()


def test_names_that_a_file_system_takes_for_one(cnnfilter_run, grid, tmp_path):
    specs = ("1 1 1:name=Edge", "1 0 1:name=edge", "1 1 0:name=edge-2", "0 1 1:name=EDGE")
    words = [word for spec in specs for word in ("-k", spec)]
    rows = json.loads(cnnfilter_run("convolve", grid, *words, "-f", "npy", "--json").out)["results"]
    assert [row["kernel"] for row in rows] == ["Edge", "edge-3", "edge-2", "EDGE-4"]
    assert len({row["outputs"][0].lower() for row in rows}) == 4


def test_numbers_of_one_spec_are_no_names_of_another(cnnfilter_run, grid, tmp_path):
    (tmp_path / "two.json").write_text(
        '{"kernels": {"e": [[1]]}, "banks": {"b": {"kernels": ["e", "e:scale=2,name=e"]}}}'
    )
    words = ("-k", "two.json#b", "-k", "1 1:name=e-2", "--stack", "-f", "npz")
    assert cnnfilter_run("convolve", grid, *words).code == 0
    with np.load(tmp_path / "g.stack.npz") as archive:
        assert archive.files == ["e", "e-3", "e-2"]
        np.testing.assert_array_equal(archive["e-3"], 2 * GRID)


def test_images_of_one_name(cnnfilter_run, tmp_path):
    for folder, value in (("a", 10), ("b", 20)):
        (tmp_path / folder).mkdir()
        Image.fromarray(np.full((5, 6), value, np.uint8)).save(tmp_path / folder / "photo.png")
    words = ("a/photo.png", "b/photo.png", "-k", "identity", "-f", "npy", "-f", "png", "-o", "r/")
    rows = json.loads(cnnfilter_run("convolve", *words, "--json").out)["results"]
    assert [row["outputs"] for row in rows] == [
        ["r/photo.identity.npy", "r/photo.identity.png"], ["r/photo-2.identity.npy", "r/photo-2.identity.png"],
    ]  # fmt: skip
    assert [np.load(tmp_path / row["outputs"][0]).max() for row in rows] == [10, 20]


def test_layers_and_their_maps_have_files_of_their_own(cnnfilter_run, tmp_path):
    layers = [{"kind": "conv", "name": name, "weights": f"#{key}"} for name, key in
              (("conv1", "two"), ("conv1.0", "sum"), ("CONV1", "sum"))]  # fmt: skip
    arrays = {"two": np.ones((2, 1, 1, 1)) * [[[[1]]], [[[2]]]], "sum": np.ones((1, 2, 1, 1))}
    layers[2]["weights"] = "#one"
    write_network(tmp_path, layers, {**arrays, "one": np.full((1, 1, 1, 1), 5.0)}, size=(4, 4))
    np.save(tmp_path / "x.npy", np.ones((4, 4), np.float32))
    words = ("run", "net.json", "x.npy", "--save", "all", "--maps", "-f", "png", "-f", "npy", "-o", "r/")
    done = cnnfilter_run(*words, "--json")
    assert done.code == 0, done.err
    (result,) = json.loads(done.out)["results"]
    files = sorted(path.name for path in (tmp_path / "r").iterdir())
    assert len(files) == len(result["outputs"]) == 3 * 2 + 4
    assert sorted(os.path.basename(path) for path in result["outputs"]) == files  # noqa: PTH119
    assert {"x.conv1.png", "x.conv1.0.png", "x.conv1.0-2.png", "x.conv1.1.png", "x.CONV1-2.npy"} <= set(files)
    assert [np.load(tmp_path / "r" / f"x.{name}.npy").max() for name in ("conv1", "conv1.0", "CONV1-2")] == [2, 3, 15]


def test_numbers_in_place_have_names_of_their_own(cnnfilter_run, tmp_path):
    done = cnnfilter_run("activate", "1 2 3", "4 5 6", "-a", "relu", "-f", "npy", "--json")
    rows = json.loads(done.out)["results"]
    assert [(row["source"], row["max"], row["outputs"]) for row in rows] == [
        ("inline", 3, ["inline.relu.npy"]), ("inline-2", 6, ["inline-2.relu.npy"]),
    ]  # fmt: skip


def test_a_picture_that_is_given_twice_is_run_once(cnnfilter_run, tmp_path):
    write_network(tmp_path, [{"kind": "conv", "weights": "#w"}], {"w": np.ones((1, 1, 2, 2))}, size=(3, 3))
    (tmp_path / "in").mkdir()
    Image.fromarray(np.eye(3, dtype=np.uint8)).save(tmp_path / "in" / "p.png")
    done = cnnfilter_run("run", "net.json", "in", "in/p.png", "--json")
    assert [row["source"] for row in json.loads(done.out)["results"]] == ["in/p.png"]
    assert done.err == "cnnfilter: note: 'in/p.png' is given 2 times, and run once\n"


@pytest.fixture
def photos(tmp_path):
    """Three folders with a picture of one name, of values 10, 20 and 30, and links to the first."""
    for folder, value in (("a", 10), ("b", 20), ("c", 30)):
        (tmp_path / folder).mkdir()
        Image.fromarray(np.full((5, 6), value, np.uint8)).save(tmp_path / folder / "photo.png")
    os.link(tmp_path / "a" / "photo.png", tmp_path / "c" / "hard.png")
    (tmp_path / "b" / "soft.png").symlink_to("../a/photo.png")
    (tmp_path / "all.lst").write_text("b/photo.png\na/photo.png\ngone.png\ngone.png\n")
    return tmp_path


NAMED = {
    "outright": (["a/photo.png", "b/photo.png"], {"photo.png": 10, "photo-2.png": 20}),
    "by a glob": (["a/photo.png", "b/photo.png", "c/hard.png", "c/photo.png"],
                  {"photo.png": 10, "photo-2.png": 20, "hard.png": 10, "photo-3.png": 30}),
    "twice": (["a/photo.png", "./a/photo.png", "b/../a/photo.png", "b/photo.png"],
              {"photo.png": 10, "photo-2.png": 20}),
    "by links": (["b/soft.png", "a/photo.png", "c/hard.png"], {"soft.png": 10, "hard.png": 10}),
    "in a list and outright": (["c/photo.png", "@all.lst"],
                               {"photo.png": 30, "b/photo.png": 20, "a/photo.png": 10, "gone.png": None}),
    "in folders that overlap": ([".", "a", "b/photo.png"],
                                {"{root}/a/photo.png": 10, "{root}/b/photo.png": 20, "{root}/c/hard.png": 10,
                                 "{root}/c/photo.png": 30}),
    "in folders and lists of one name": (["a", "@sub.lst"], {"a/photo.png": 10, "a/photo-2.png": 20, "c/p.png": 30}),
    "by URLs": (["file://{here}/a/photo.png", "b/photo.png"], {"photo.png": 10, "photo-2.png": 20}),
    "with numbers of their own": (["a/photo.png", "b/photo.png", "d/photo-2.png"],
                                  {"photo.png": 10, "photo-3.png": 20, "photo-2.png": 30}),
}  # fmt: skip


@pytest.mark.parametrize("way", NAMED)
def test_every_input_of_a_batch_has_a_key_of_its_own(cnnfilter_run, photos, way):
    arguments, expected = NAMED[way]
    if way == "in folders and lists of one name":
        for source, target in (("b/photo.png", "far/a/photo.png"), ("c/photo.png", "far/c/p.png")):
            (photos / target).parent.mkdir(parents=True)
            (photos / source).rename(photos / target)
        (photos / "sub.lst").write_text("far/a/photo.png\nfar/c/p.png\n")
    if way == "with numbers of their own":
        (photos / "d").mkdir()
        (photos / "c" / "photo.png").rename(photos / "d" / "photo-2.png")
    arguments = [text.replace("{here}", str(photos)) for text in arguments]
    expected = {key.replace("{root}", photos.name): value for key, value in expected.items()}
    out, table = photos.parent / f"{photos.name}-out", photos.parent / f"{photos.name}-t.csv"
    words = ("batch", *arguments, "-k", "identity", "-f", "npy", "-o", out, "--features", table, "--measures", "max")
    done = cnnfilter_run(*words)
    assert done.code == (3 if None in expected.values() else 0), done.err
    lines = [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]
    assert {line["input"]: line["maps"][0]["max"] if "maps" in line else None for line in lines} == expected
    assert len(lines) == len(expected)
    for line in lines:
        for one in line.get("outputs", ()):
            assert np.load(out / one["path"]).max() == expected[line["input"]]
        if line["state"] == "ok":
            source = line["source"].removeprefix("file://")
            assert read_image(photos / source).max() == expected[line["input"]]
    with table.open(newline="") as file:
        cells = {row["input"]: row["identity.max"] for row in csv.DictReader(file)}
    assert cells == {key: "" if value is None else repr(float(value)) for key, value in expected.items()}
    status = json.loads(cnnfilter_run("batch", "--status", out, "--json").out)
    assert (status["planned"], status["done"] + status["failed"]) == (len(expected), len(expected))
    again = cnnfilter_run(*words, "--resume")
    done_before = sum(value is not None for value in expected.values())
    assert f"{done_before} done before" in again.out


def test_what_is_done_keeps_its_name_when_inputs_are_added(cnnfilter_run, photos):
    words = ("-k", "identity", "-f", "npy", "-o", "../out-added", "--resume")
    assert cnnfilter_run("batch", "a/photo.png", *words).code == 0
    more = cnnfilter_run("batch", "a/photo.png", "b/photo.png", "c/hard.png", *words)
    assert more.out.splitlines()[-1].startswith("ok 2, skipped 1, failed 0")
    assert np.load(photos.parent / "out-added" / "photo.identity.npy").max() == 10


def test_channels_and_kernels_that_make_one_column(cnnfilter_run, tmp_path):
    Image.fromarray(np.arange(75, dtype=np.uint8).reshape(5, 5, 3)).save(tmp_path / "p.png")
    kernels = ("-k", "1:name=a", "-k", "1 1:name=a.0")
    for form in ("csv", "npy"):
        words = ("batch", "p.png", *kernels, "-o", f"r-{form}", "--features", f"t.{form}", "--measures", "max")
        assert cnnfilter_run(*words).code == 0
    with (tmp_path / "t.csv").open(newline="") as file:
        header, cells = csv.reader(file)
    assert len(set(header)) == len(header) == len(cells) == 7
    assert len(set((tmp_path / "t.columns.txt").read_text().split())) == 6
