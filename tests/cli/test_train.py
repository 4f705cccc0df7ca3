"""``train`` and ``run --labels``, as a user meets them."""

import csv
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from cnnfilter.cli.main import main

DIGITS = Path(__file__).parents[2] / "samples" / "digits"
TEST_DIGITS = str(DIGITS / "test-digits.npz")


def call(capsys, *words):
    with pytest.raises(SystemExit) as leave:
        main([str(word) for word in words])
    out, err = capsys.readouterr()
    return leave.value.code, out, err


@pytest.fixture
def lines(tmp_path):
    """Two hundred pictures of flat and upright lines in noise."""
    draw = np.random.default_rng(0)
    images = draw.integers(0, 60, (200, 6, 6)).astype(np.uint8)
    images[:100, 2] += 150
    images[100:, :, 3] += 150
    path = tmp_path / "lines.npz"
    np.savez(path, images=images, labels=["flat"] * 100 + ["upright"] * 100)
    return path


def test_it_learns_and_its_files_are_used_like_any(lines, tmp_path, capsys):
    target = tmp_path / "net.yaml"
    code, out, err = call(capsys, "train", lines, "-o", target, "--epochs", 4)
    assert (code, err) == (0, "")
    assert "160 pictures to learn from, 40 held out; 2 classes" in out
    rows = list(csv.DictReader((tmp_path / "net.history.csv").open()))
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4"]
    assert list(rows[0]) == ["epoch", "loss", "accuracy", "hold-out accuracy"]
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])
    assert float(rows[-1]["hold-out accuracy"]) == 1
    document = yaml.safe_load(target.read_text())
    assert document["classes"] == ["flat", "upright"]
    assert np.load(tmp_path / "net.npz")["conv1.weight"].shape == (16, 1, 3, 3)
    assert sorted(one.name for one in tmp_path.iterdir()) == [
        "lines.npz", "net.history.csv", "net.npz", "net.yaml"
    ]  # fmt: skip
    code, out, _ = call(capsys, "run", target, lines, "--labels", "labels", "--json")
    found = json.loads(out)
    assert code == 0
    assert found["accuracy"] == 1
    assert found["confusion"] == [[100, 0], [0, 100]]


def test_the_same_seed_gives_the_same_bytes_with_any_threads(lines, tmp_path, capsys):
    made = []
    for name, threads in (("a", 1), ("b", 2)):
        assert (
            call(capsys, "train", lines, "-o", tmp_path / f"{name}.yaml", "--epochs", 2, "--threads", threads)[0] == 0
        )
        made.append((tmp_path / f"{name}.npz").read_bytes())
    assert made[0] == made[1]
    call(capsys, "train", lines, "-o", tmp_path / "c.yaml", "--epochs", 2, "--seed", 1)
    assert (tmp_path / "c.npz").read_bytes() != made[0]


def start(*words, **options):
    command = [sys.executable, "-m", "cnnfilter", "train", *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_interrupted_and_resumed_it_ends_with_the_same_bytes(lines, tmp_path, number, code):
    words = [lines, "--epochs", "60", "--patience", "0"]
    whole = start(*words, "-o", tmp_path / "whole.yaml")
    whole.communicate()
    assert whole.returncode == 0
    job = start(*words, "-o", tmp_path / "net.yaml")
    while not (tmp_path / "net.progress.npz").exists():
        time.sleep(0.01)
    time.sleep(0.1)
    job.send_signal(number)
    _, said = job.communicate()
    assert job.returncode == code
    if code > 0:
        assert "best weights so far" in said
        assert (tmp_path / "net.yaml").exists()
    else:
        assert not (tmp_path / "net.yaml").exists()
    again = start(*words, "-o", tmp_path / "net.yaml", "--resume")
    again.communicate()
    assert again.returncode == 0
    for ending in (".npz", ".history.csv"):
        assert (tmp_path / f"net{ending}").read_bytes() == (tmp_path / f"whole{ending}").read_bytes()
    assert not (tmp_path / "net.progress.npz").exists()
    over = start(*words, "-o", tmp_path / "net.yaml", "--resume")
    assert "nothing is left to resume" in over.communicate()[1]


def test_resuming_with_other_settings_is_refused_by_name(lines, tmp_path, capsys):
    job = start(lines, "--epochs", 500, "--patience", 0, "-o", tmp_path / "net.yaml")
    while not (tmp_path / "net.progress.npz").exists():
        time.sleep(0.01)
    time.sleep(0.5)  # some epochs more
    job.terminate()
    job.communicate()
    for words, said in (
        (("--batch-size", 16), "batch size is not what it began with (32 before, 16 now)"),
        (("--seed", 3), "seed is not what it began with (0 before, 3 now)"),
        (("--learning-rate", 0.1), "learning rate is not"),
        (("--size", "8x8"), "network is not what it began with"),
        (("--epochs", 0 + 1), "--epochs asks for 1"),
    ):
        code, _, err = call(capsys, "train", lines, "-o", tmp_path / "net.yaml", "--resume", *words)
        assert code == 2
        assert said in err


def test_the_weights_never_take_the_name_of_the_data(lines, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = lines.read_bytes()
    assert call(capsys, "train", "lines.npz", "--epochs", 1)[0] == 0
    assert lines.read_bytes() == before
    assert (tmp_path / "lines.weights.npz").exists()
    assert call(capsys, "run", "lines.yaml", "lines.npz", "--labels", "labels", "-q")[0] == 0
    (tmp_path / "own.npz").write_bytes(b"mine")
    code, _, err = call(capsys, "train", "lines.npz", "-o", "own.yaml")
    assert code == 2
    assert "own.npz" in err
    assert (tmp_path / "own.npz").read_bytes() == b"mine"


def test_folders_of_pictures_and_what_cannot_be_read(tmp_path, capsys):
    draw = np.random.default_rng(0)
    for name, row in (("top", 1), ("bottom", 6)):
        (tmp_path / "data" / name).mkdir(parents=True)
        for index in range(12):
            pixels = draw.integers(0, 60, (8, 9)).astype(np.uint8)
            pixels[row] = 220
            Image.fromarray(pixels).save(tmp_path / "data" / name / f"{index}.png")
    (tmp_path / "data" / "top" / "notes.txt").write_text("not a picture")
    target = tmp_path / "net.yaml"
    code, out, err = call(capsys, "train", tmp_path / "data", "-o", target, "--epochs", 25)
    assert (code, err) == (0, "")
    assert "taking 1x8x9" in out
    code, out, _ = call(capsys, "run", target, tmp_path / "data", "--labels", "folders")
    assert code == 0
    assert out.startswith("24 of 24 right: 100.00%")
    table = "\n".join(f"top/{index}.png,top\nbottom/{index}.png,bottom" for index in range(12))
    (tmp_path / "labels.csv").write_text(f"picture,class\n{table}\n")
    assert call(capsys, "run", target, tmp_path / "data", "--labels", tmp_path / "labels.csv")[1] == out
    (tmp_path / "data" / "top" / "broken.png").write_bytes(b"\x89PNG\r\n")
    code, _, err = call(capsys, "train", tmp_path / "data", "-o", target, "--epochs", 1)
    assert code == 3
    assert err.count("broken.png") == 1


def test_a_picture_that_memory_does_not_suffice_for_is_a_failure_of_its_own_kind(tmp_path, capsys):
    draw = np.random.default_rng(0)
    for name, level in (("dark", 20), ("light", 220)):
        (tmp_path / "data" / name).mkdir(parents=True)
        for index in range(4):
            pixels = draw.integers(level, level + 20, (8, 8)).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / name / f"{index}.png")
    Image.fromarray(np.zeros((2000, 2000), np.uint8)).save(tmp_path / "data" / "dark" / "large.png")
    words = tmp_path / "data", "-o", tmp_path / "net.yaml", "--epochs", 1, "--max-memory", "2M", "--size", "8x8"
    code, _, err = call(capsys, "train", *words)
    assert (code, err.count("large.png")) == (4, 1)
    code, _, err = call(
        capsys, "run", tmp_path / "net.yaml", tmp_path / "data", "--labels", "folders", "--max-memory", "2M"
    )
    assert (code, err.count("large.png")) == (4, 1)


def refused(capsys, *words):
    code, _, err = call(capsys, *words)
    assert code in (2, 3)
    assert err.startswith("cnnfilter: error: ")
    assert err.count("\n") == 1
    return err


def test_what_cannot_be_trained_is_refused_in_one_line(lines, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data" / "cat").mkdir(parents=True)
    Image.new("L", (8, 8)).save(tmp_path / "data" / "cat" / "a.png")
    assert "one class, 'cat'" in refused(capsys, "train", "data")
    (tmp_path / "data" / "dog").mkdir()
    assert "the class 'dog' has no pictures" in refused(capsys, "train", "data")
    assert "No such file" in refused(capsys, "train", "nowhere.npz")
    assert "too small" in refused(capsys, "train", lines, "--size", "3x3")
    assert "diverged in epoch 1: the loss is" in refused(
        capsys, "train", lines, "--optimizer", "sgd", "--learning-rate", "1e6", "-q"
    )
    assert not (tmp_path / "lines.yaml").exists()
    for name, arrays, said in (
        ("a", {"images": np.zeros((4, 8, 8)), "labels": [0, 1]}, "4 images and 2 labels"),
        ("b", {"images": np.zeros((4, 8, 8)), "labels": np.eye(4)}, "argmax"),
        ("c", {"x_train": np.zeros((4, 8, 8))}, "no array 'images'"),
        ("d", {"images": np.full((4, 8, 8), np.nan), "labels": [0, 1, 0, 1]}, "NaN"),
        ("e", {"images": np.zeros((4, 8, 8)), "labels": [0.5, 1, 0, 1]}, "whole numbers or names"),
        ("f", {"images": np.zeros((4, 64)), "labels": [0, 1, 0, 1]}, "images must be real numbers"),
    ):
        np.savez(f"{name}.npz", **arrays)
        assert said in refused(capsys, "train", f"{name}.npz")


def test_a_network_that_does_not_fit_names_the_layer(lines, tmp_path, capsys):
    text = (DIGITS / "digits.yaml").read_text()
    (tmp_path / "digits.npz").write_bytes((DIGITS / "digits.npz").read_bytes())
    (tmp_path / "big.yaml").write_text(text.replace("[8, 8]", "[12, 12]"))
    assert "layer 'dense'" in refused(capsys, "train", TEST_DIGITS, "--network", tmp_path / "big.yaml")
    assert "'flat' is no class of" in refused(capsys, "train", lines, "--network", DIGITS / "digits.yaml")
    own = tmp_path / "own.yaml"
    own.write_text("input: {size: 6}\nlayers:\n  - {kind: flatten}\n  - {name: out, kind: dense, outputs: 3}\n")
    assert "layer 'out' gives 3 values, and the pictures are of 2 classes" in refused(
        capsys, "train", lines, "--network", own
    )
    own.write_text("input: {size: 6}\nlayers:\n  - {name: last, kind: activation, activation: relu}\n")
    assert "(layer 'last')" in refused(capsys, "train", lines, "--network", own)


def test_a_network_of_ones_own_is_trained_and_goes_on(lines, tmp_path, capsys):
    own = tmp_path / "own.yaml"
    own.write_text(
        "input: {size: 6, range: unit}\n"
        "layers:\n"
        "  - {name: edges, kind: conv, kernels: [sobel-x, sobel-y], padding: same, padding_mode: reflect, flip: true}\n"
        "  - {kind: activation, activation: prelu}\n"
        "  - {name: more, kind: conv, filters: 4, size: 3, stride: 2, padding: same}\n"
        "  - {kind: dropout, p: 0.2}\n"
        "  - {kind: pool, pool: global-avg}\n"
        "  - {kind: flatten}\n"
        "  - {kind: dense, outputs: 2}\n"
    )
    refused(capsys, "run", own, TEST_DIGITS)  # there is nothing to run yet
    first = tmp_path / "first.yaml"
    words = ["--epochs", 20, "--learning-rate", 0.01]
    assert call(capsys, "train", lines, "--network", own, "-o", first, *words)[0] == 0
    assert "right: 100.00%" in call(capsys, "run", first, lines, "--labels", "labels")[1]
    weights = np.load(tmp_path / "first.npz")
    assert set(weights.files) == {
        "edges.weight", "more.weight", "more.bias", "dense1.weight", "dense1.bias"
    }  # fmt: skip
    code, _, err = call(capsys, "train", lines, "--network", first, "-o", first, "--epochs", 1)
    assert code == 2
    assert "is an input" in err
    assert call(capsys, "train", lines, "--network", first, "-o", tmp_path / "second.yaml", "--epochs", 1)[0] == 0


@pytest.mark.parametrize(("name", "frames"), [("a.webp", 3), ("a.gif", 3), ("a.png", 1)])
def test_the_film_of_the_filters(lines, tmp_path, capsys, name, frames):
    path = tmp_path / name
    assert call(capsys, "train", lines, "-o", tmp_path / "n.yaml", "--epochs", 3, "--film", path, "-q") == (0, "", "")
    best = [float(row["hold-out accuracy"]) for row in csv.DictReader((tmp_path / "n.history.csv").open())]
    with Image.open(path) as film:
        assert getattr(film, "n_frames", 1) == (1 if frames == 1 else len(best))
        assert film.size == ((1600, 900) if frames == 1 else (800, 450))


def test_labels_that_do_not_match(lines, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    net = DIGITS / "digits.yaml"
    assert "no array of" in refused(capsys, "run", net, TEST_DIGITS, "--labels", "nothing")
    assert "is for a folder" in refused(capsys, "run", net, TEST_DIGITS, "--labels", "folders")
    assert "is no class of the network" in refused(capsys, "run", net, lines, "--labels", "labels")
    np.save("few.npy", np.arange(5))
    assert "5 labels for 360 pictures" in refused(capsys, "run", net, TEST_DIGITS, "--labels", "few.npy")
    assert "one folder" in refused(capsys, "run", net, "--labels", "labels")
    assert "no layers" in refused(capsys, "run", net, TEST_DIGITS, "--labels", "labels", "--save", "all")


def test_a_table_of_labels_is_never_guessed_at(tmp_path, capsys, monkeypatch):
    """One label too many, a name of two pictures, two labels of one: each would shift or swap classes in silence."""
    monkeypatch.chdir(tmp_path)
    net, labels = DIGITS / "digits.yaml", [str(one) for one in np.load(TEST_DIGITS)["labels"]]

    def accuracy(*lines):
        Path("l.csv").write_text("\n".join(lines))
        code, out, err = call(capsys, "run", net, TEST_DIGITS, "--labels", "l.csv", "--json")
        return json.loads(out)["accuracy"] if code == 0 else err

    plain = accuracy(*labels)
    assert plain > 0.97
    assert accuracy("label", *labels) == plain
    assert accuracy(*[f"{label}.0" for label in labels]) == plain
    assert accuracy(*[f"{index};{label}" for index, label in enumerate(labels)]) == plain
    assert "361 labels for 360 pictures" in accuracy("3", *labels)
    assert "two labels" in accuracy(
        *[f"{index},{label}" for index, label in enumerate(labels)], "0,9" if labels[0] != "9" else "0,8"
    )
    assert "no label for" in accuracy(*[f"{index},{label}" for index, label in enumerate(labels[:-1])])
    for name in ("0", "1"):
        (tmp_path / "in" / name).mkdir(parents=True)
        (tmp_path / "in" / name / "same.png").write_bytes((DIGITS / f"digit-{name}.png").read_bytes())
    Path("l.csv").write_text("same.png,0\n")
    assert "is the name of 2 pictures" in refused(capsys, "run", net, "in", "--labels", "l.csv")
    Path("l.csv").write_text("name,label\n0/same.png,0\n1/same.png,1\nelse.png,3\n")
    code, out, err = call(capsys, "run", net, "in", "--labels", "l.csv")
    assert (code, out[:6]) == (0, "2 of 2")
    assert "1 lines of l.csv name no picture" in err


def test_what_would_come_to_nothing_is_said(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("huge.npz", images=np.full((4, 8, 8), 1e300), labels=[0, 1, 0, 1])
    assert "too large to learn from" in refused(capsys, "train", "huge.npz")
    np.savez("same.npz", images=np.zeros((6, 8, 8), np.uint8), labels=[0, 1] * 3)
    assert "nothing to learn" in call(capsys, "train", "same.npz", "--epochs", 1)[2]
    np.savez("one.npz", images=np.random.default_rng(0).random((3, 8, 8)), labels=[0, 1, 2])
    assert "nothing is held out" in call(capsys, "train", "one.npz", "--epochs", 1)[2]
    np.savez(
        "nan.npz", images=np.where(np.arange(4)[:, None, None] == 2, np.nan, np.zeros((4, 8, 8))), labels=[0, 1] * 2
    )
    assert ": 1 picture with NaN" in refused(capsys, "train", "nan.npz")
    Path("folder.yaml").mkdir()
    assert "is a folder" in refused(capsys, "train", "one.npz", "-o", "folder.yaml")
    Path("x.progress.npz").write_bytes(b"junk")
    assert "delete it" in refused(capsys, "train", "one.npz", "-o", "x.yaml", "--resume")
    over = call(capsys, "train", "one.npz", "-o", "one.yaml", "--epochs", 1, "-q")
    assert over[0] == 0
    assert "-o OTHER.yaml goes on" in call(capsys, "train", "one.npz", "-o", "one.yaml", "--resume")[2]


def test_numbers_may_stand_for_names_and_that_is_said(tmp_path, capsys):
    text = (DIGITS / "digits.yaml").read_text()
    for index, name in enumerate(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]):
        text = text.replace(f"'{index}'", name)
    (tmp_path / "named.yaml").write_text(text)
    (tmp_path / "digits.npz").write_bytes((DIGITS / "digits.npz").read_bytes())
    code, out, _ = call(capsys, "run", tmp_path / "named.yaml", TEST_DIGITS, "--labels", "labels", "--json")
    assert code == 0
    assert "labels are numbers" in " ".join(json.loads(out)["notes"])
    plain = json.loads(call(capsys, "run", DIGITS / "digits.yaml", TEST_DIGITS, "--labels", TEST_DIGITS, "--json")[1])
    assert plain["confusion"] == json.loads(out)["confusion"]


def test_a_model_of_another_framework_is_judged_too(capsys):
    pytest.importorskip("onnxruntime")
    ours, theirs = (
        json.loads(call(capsys, "run", DIGITS / f"digits{ending}", TEST_DIGITS, "--labels", "labels", "--json")[1])
        for ending in (".yaml", ".onnx")
    )
    assert ours["confusion"] == theirs["confusion"]


def test_what_is_said_fits_eighty_columns(lines, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    _, out, _ = call(capsys, "train", lines, "-o", tmp_path / "n.yaml", "--epochs", 1)
    assert max(map(len, out.replace(str(tmp_path), "").splitlines())) <= 80
    _, out, _ = call(capsys, "run", DIGITS / "digits.yaml", TEST_DIGITS, "--labels", "labels")
    assert max(map(len, out.replace(TEST_DIGITS, "test-digits.npz").splitlines())) <= 80
