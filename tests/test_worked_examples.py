"""The worked examples of the texts that this tool accompanies, each by one command, to the digit."""

import csv
import io

import numpy as np
import pytest

import cnnfilter


@pytest.fixture
def numbers(cnnfilter_run, samples):
    """Run a command on samples and return what it writes to standard output as an array."""

    def run(*words):
        placed = [samples / word if str(word).endswith(".csv") else word for word in words]
        done = cnnfilter_run(*placed, "-o", "-", "-f", "csv", "-q")
        assert (done.code, done.err) == (0, "")
        return np.array([[float(cell) for cell in row] for row in csv.reader(io.StringIO(done.out))])

    return run


ANTI_DIAGONAL = "0 0 1; 0 1 0; 1 0 0"


def test_the_dot_product_of_the_first_window_is_3(numbers):
    assert numbers("convolve", "letter-6x6.csv", "-k", ANTI_DIAGONAL)[0, :2].tolist() == [3, 1]


def test_the_bias_makes_it_1_and_minus_1(numbers):
    assert numbers("convolve", "letter-6x6.csv", "-k", ANTI_DIAGONAL, "--bias", "-2")[0, :2].tolist() == [1, -1]


def test_relu_makes_minus_1_zero(numbers):
    words = ("-k", ANTI_DIAGONAL, "--bias", "-2", "--activation", "relu")
    maps = numbers("convolve", "letter-6x6.csv", *words)
    assert maps[0, :2].tolist() == [1, 0]
    assert maps.shape == (4, 4)


def test_sizes_of_a_4x4_image(numbers):
    assert numbers("convolve", "pool-4x4.csv", "-k", "sobel-x").shape == (2, 2)
    assert numbers("convolve", "pool-4x4.csv", "-k", "sobel-x", "--padding", "1").shape == (4, 4)
    assert numbers("convolve", "pool-4x4.csv", "-k", "sobel-x", "--padding", "1", "--stride", "2").shape == (2, 2)


def test_pooling_of_1_0_4_6(numbers):
    assert numbers("pool", "pool-4x4.csv", "--pool", "avg:2")[0, 0] == 2.75
    assert numbers("pool", "pool-4x4.csv", "--pool", "max:2")[0].tolist() == [6, 8]
    assert numbers("pool", "pool-4x4.csv", "--pool", "min:2")[0, 0] == 0
    assert numbers("pool", "pool-4x4.csv", "--pool", "sum:2")[0, 0] == 11


def test_softmax_of_cat_dog_elephant(numbers):
    # The text truncates 0.626 to 0.62; rounded it is 0.63.
    assert numbers("activate", "scores.csv", "-a", "softmax")[0].round(2).tolist() == [0.63, 0.31, 0.06]


def test_a_binary_5x5_image_and_a_3x3_filter(numbers):
    assert numbers("convolve", "grid-5x5.csv", "-k", "1 0 1; 0 1 0; 1 0 1").tolist() == [
        [4, 3, 4],
        [2, 4, 3],
        [2, 3, 4],
    ]


def test_the_detector_counts_matching_cells_of_the_smiley(numbers, samples):
    detector = [[0, 0, 1], [1, 0, 0], [0, 1, 1]]
    smiley = np.loadtxt(samples / "smiley-7x7.csv", delimiter=",")
    counted = numbers("convolve", "smiley-7x7.csv", "-k", "0 0 1; 1 0 0; 0 1 1")
    matches = [[int((smiley[r : r + 3, c : c + 3] * detector).sum()) for c in range(5)] for r in range(5)]
    assert counted.tolist() == matches


def test_flattened_maps_of_several_filters_are_one_vector(numbers):
    words = ("-k", "sobel-x", "-k", "sobel-y", "-k", "gaussian:size=3", "--stack", "--flatten")
    assert numbers("convolve", "grid-5x5.csv", *words).size == 3 * 9


@pytest.mark.parametrize("name", ["identity", "edge-detect", "sharpen", "box-blur", "gaussian-blur", "emboss"])
def test_the_common_filters_are_there_by_those_names(name):
    assert cnnfilter.load_kernel(name).weights.shape[0] % 2 == 1


def test_the_weighted_sums_of_the_dense_layer():
    sums = cnnfilter.dense([155, 60], [[0.27, 0.2], [-0.1, -0.4]])
    assert sums.tolist() == pytest.approx([53.85, -39.5])
    assert cnnfilter.activate(sums, "relu").tolist() == pytest.approx([53.85, 0])


def test_a_filter_as_deep_as_the_image_gives_one_map(cnnfilter_run, samples, tmp_path):
    picture = samples / "scene-color.png"
    assert cnnfilter_run("convolve", picture, "-k", "sobel-x", "--channels", "sum", "-o", "one.npy").code == 0
    assert cnnfilter_run("convolve", picture, "-k", "sobel-x", "-o", "three.npy").code == 0
    one, three = np.load(tmp_path / "one.npy"), np.load(tmp_path / "three.npy")
    assert one.ndim == 2
    np.testing.assert_allclose(one, three.sum(axis=0), atol=1e-2)


def test_four_filters_laid_out_are_bilinear(samples):
    layers = cnnfilter.run_network(samples / "upscale.yaml", np.random.default_rng(0).random((1, 5, 7)))
    assert layers["shuffled"].shape == (1, 10, 14)
    np.testing.assert_allclose(layers["shuffled"], layers["resized"], rtol=0, atol=1e-12)


def test_gates_keep_the_edges_that_a_picture_has(samples):
    stripes = np.tile([0.0, 0.0, 1.0, 1.0], (1, 8, 4))
    for image, kept, faded in ((stripes, 0, 1), (stripes.transpose(0, 2, 1), 1, 0)):
        layers = cnnfilter.run_network(samples / "squeeze.yaml", image)
        assert layers["gates"][kept] > 0.99
        assert layers["gates"][faded] < 0.01
        np.testing.assert_array_equal(layers["excited"], layers["maps"] * layers["gates"][:, None, None])
