"""What a job would take, refused before it begins."""

import numpy as np
import pytest

SIZE = 40, 50  # rows, columns


@pytest.fixture
def grid(tmp_path):
    np.save(tmp_path / "grid.npy", np.arange(SIZE[0] * SIZE[1], dtype=np.uint8).reshape(SIZE))
    return "grid.npy"


@pytest.mark.parametrize(
    ("words", "need"),
    [
        (["-f", "npy"], 38 * 48 * 4),
        (["-f", "npy", "--padding", "10"], 58 * 68 * 4),
        (["-f", "npy", "--stride", "1,2"], 38 * 24 * 4),
        (["-f", "npy", "-k", "blur"], 2 * 38 * 48 * 4),
        (["-f", "npy", "-k", "blur", "--stack"], 2 * 38 * 48 * 4),
        (["-f", "npy", "-k", "blur", "--combine", "max"], 38 * 48 * 4),
        (["-f", "npy", "-k", "1", "--combine", "max", "--padding", "same"], 5 * 40 * 50 * 4),
        (["-f", "npy", "--pool", "max:2"], (38 * 48 + 19 * 24) * 4),
        (["--pool", "max:2"], (38 * 48 + 19 * 24) * 4),
        (["-f", "npy", "--activation", "relu"], 38 * 48 * 4),
        (["-f", "npy", "--dtype", "float64"], 38 * 48 * 8),
        (["--table"], 38 * 48 * 4),
        (["--preview"], 38 * 48 * 4),
        (["--display", "percentile:1"], 38 * 48 * 4),
        (["--padding", "20"], 78 * 88),
    ],
)
def test_maps_are_counted_as_planned(cnnfilter_run, grid, tmp_path, words, need):
    refused = cnnfilter_run("convolve", grid, "-k", "sobel-x", *words, "--max-memory", need - 1)
    assert refused.code == 4
    assert refused.err.startswith("cnnfilter: error: 'grid.npy': the maps need ")
    assert f"(--max-memory {need} raises it)" in refused.err
    assert [path.name for path in tmp_path.iterdir()] == [grid]
    assert cnnfilter_run("convolve", grid, "-k", "sobel-x", *words, "--max-memory", need).code == 0


@pytest.mark.parametrize("words", [[], ["-f", "npy"], ["--table"], ["--pool", "max:2"]])
@pytest.mark.parametrize("padding", [1_000_000, 1_000_000_000])
def test_huge_padding_is_a_lack_of_memory(cnnfilter_run, samples, tmp_path, padding, words):
    done = cnnfilter_run("convolve", samples / "grid-5x5.csv", "-k", "sobel-x", "--padding", padding, *words)
    assert (done.code, done.err.count("\n")) == (4, 1)
    assert " TB" in done.err
    assert not [*tmp_path.iterdir()]
