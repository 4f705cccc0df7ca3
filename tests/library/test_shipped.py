"""Every kernel that is shipped: it loads, is finite, is cited, and is what its name says."""

from __future__ import annotations

import re

import numpy as np
import pytest

from cnnfilter.library import load_kernel, load_kernels
from cnnfilter.library.build import parameters_of
from cnnfilter.library.catalog import entries, shipped_folder
from cnnfilter.library.generators import MODULES, generator
from cnnfilter.library.measure import measure

ENTRIES = entries([shipped_folder()])
KERNELS = [entry for entry in ENTRIES if entry.kind == "kernel"]
BANKS = [entry for entry in ENTRIES if entry.kind == "bank"]

#: Names that the documentation and the examples rely on.
PROMISED = """
identity box gaussian sharpen edge-enhance unsharp emboss laplacian-4 laplacian-8 sobel-x sobel-y
prewitt-x prewitt-y scharr-x scharr-y roberts log dog gabor motion motion-blur box-blur blur
gaussian-blur edge-detect edge-detection anti-diagonal kirsch-n robinson-sw sobel-compass-e
frei-chen-9 line-horizontal corner-ne disk cone hann comet binomial high-boost detail
edge-enhance-more contour smooth smooth-more farid-x isotropic-x schmid lm-edge laws dct haar-like
steerable random-he random-xavier random-uniform random-normal pillow-emboss imagej-shadow-n
gimp-emboss
"""

#: How many kernels each bank holds.
BANK_SIZES = {
    "central": 2, "corners": 8, "dct-3": 9, "dct-4": 16, "dct-8": 64, "dog-octave": 3, "emboss": 8, "farid": 2,
    "frei-chen": 9, "frei-chen-edge": 4, "frei-chen-line": 4, "gabor-40": 40, "gabor-8": 8, "gabor-quadrature-8": 16,
    "haar": 4, "haar-like": 5, "hadamard-4": 16, "imagej-shadows": 8, "isotropic": 2, "jet-2": 6, "kirsch": 8,
    "laws-3": 9, "laws-5": 25, "laws-5-energy": 15, "laws-7": 49, "leung-malik": 48, "lines": 4, "motion-8": 8,
    "mr8": 38, "patterns": 4, "pillow": 10, "prewitt": 2, "prewitt-compass": 8, "random-16": 16, "roberts": 2,
    "robinson": 8, "robinson-3": 8, "scale-space": 4, "scharr": 2, "schmid": 13, "shapes": 7, "sobel": 2,
    "steerable-g1": 2, "steerable-g2": 3, "steerable-h2": 4,
}  # fmt: skip


@pytest.mark.parametrize("entry", KERNELS, ids=lambda entry: entry.name)
def test_every_kernel(entry):
    (kernel,) = load_kernels(entry.name)
    assert kernel.name == entry.name
    assert np.isfinite(kernel.weights).all()
    assert np.abs(kernel.weights).max() > 0
    says_that_it_is_one_of_two = entry.name in ("sobel", "gaussian-derivative")
    assert len(kernel.warnings) == says_that_it_is_one_of_two
    for alias in entry.aliases:
        np.testing.assert_array_equal(load_kernel(alias).weights, kernel.weights)
    for variant, data in entry.data.get("variants", {}).items():
        assert data["note"]
        assert np.isfinite(load_kernel(f"{entry.name}:variant={variant}").weights).all()


@pytest.mark.parametrize("entry", BANKS, ids=lambda entry: entry.name)
def test_every_bank(entry):
    kernels = load_kernels(f"bank:{entry.name}")
    assert len(kernels) == BANK_SIZES[entry.name]
    assert len({kernel.name for kernel in kernels}) == len(kernels)
    for kernel in kernels:
        assert np.isfinite(kernel.weights).all()
        assert kernel.warnings == ()
        assert kernel.source


def test_there_are_enough_and_no_name_means_two_things():
    assert len(KERNELS) >= 200
    assert {entry.name for entry in BANKS} == set(BANK_SIZES)
    specs = {kernel.spec for entry in BANKS for kernel in load_kernels(f"bank:{entry.name}")}
    assert len(specs | {entry.name for entry in KERNELS}) >= 500
    assert [entry.name for entry in ENTRIES if entry.hidden_by] == []
    for kind in (KERNELS, BANKS):
        names = [name for entry in kind for name in (entry.name, *entry.aliases)]
        assert sorted(name for name in set(names) if names.count(name) > 1) == []


@pytest.mark.parametrize("name", PROMISED.split())
def test_promised_names(name):
    assert load_kernel(name).weights.size > 0


def test_sources_carry_a_year_or_a_tool():
    tools = ("OpenCV", "Pillow", "ImageMagick", "ImageJ", "GIMP", "MathWorks", "kornia")
    words = ("neutral element", "many introductions", "Hering's")
    for entry in ENTRIES:
        assert (
            re.search(r"\b1[678]\d\d\b|\b19\d\d\b|\b20\d\d\b", entry.source)
            or entry.source.startswith(tools)
            or any(word in entry.source for word in words)
        ), (entry.name, entry.source)


def test_parameters_have_units_ranges_and_meanings():
    for name in MODULES:
        maker = generator(name)
        assert maker.function.__doc__
        for parameter in maker.parameters:
            assert parameter.meaning, (name, parameter.name)
            assert parameter.range
            if parameter.name in ("theta", "psi", "angle"):
                assert parameter.unit == "degrees"
            if parameter.name in ("size", "sigma", "radius", "length", "wavelength"):
                assert parameter.unit == "pixels", (name, parameter.name)


def test_every_generator_has_a_kernel():
    assert {entry.data["generator"] for entry in KERNELS if "generator" in entry.data} == set(MODULES)


def test_parameters_of_an_entry_have_its_own_defaults():
    by_name = {entry.name: entry for entry in KERNELS}
    assert {p.name: p.default for p in parameters_of(by_name["sobel-5-y"])} == {
        "size": 5, "dx": 0, "dy": 1, "normalized": False
    }  # fmt: skip
    assert parameters_of(by_name["sobel-x"]) == ()


@pytest.mark.parametrize(
    ("name", "matrix"),
    [
        ("sobel-x", "-1 0 1; -2 0 2; -1 0 1"),
        ("sobel-y", "-1 -2 -1; 0 0 0; 1 2 1"),
        ("prewitt-x", "-1 0 1; -1 0 1; -1 0 1"),
        ("scharr-x", "-3 0 3; -10 0 10; -3 0 3"),
        ("scharr-y", "-3 -10 -3; 0 0 0; 3 10 3"),
        ("roberts", "1 0; 0 -1"),
        ("laplacian-4", "0 1 0; 1 -4 1; 0 1 0"),
        ("laplacian-8", "1 1 1; 1 -8 1; 1 1 1"),
        ("sharpen", "0 -1 0; -1 5 -1; 0 -1 0"),
        ("edge-detect", "-1 -1 -1; -1 8 -1; -1 -1 -1"),
        ("box", "1/9 1/9 1/9; 1/9 1/9 1/9; 1/9 1/9 1/9"),
        ("gaussian-blur", "1/16 2/16 1/16; 2/16 4/16 2/16; 1/16 2/16 1/16"),
        ("emboss", "-2 -1 0; -1 1 1; 0 1 2"),
        ("emboss-n", "-1 -2 -1; 0 1 0; 1 2 1"),
        ("anti-diagonal", "0 0 1; 0 1 0; 1 0 0"),
        ("kirsch-n", "5 5 5; -3 0 -3; -3 -3 -3"),
        ("kirsch-ne", "-3 5 5; -3 0 5; -3 -3 -3"),
        ("kirsch-e", "-3 -3 5; -3 0 5; -3 -3 5"),
        ("kirsch-sw", "-3 -3 -3; 5 0 -3; 5 5 -3"),
        ("robinson-e", "-1 0 1; -2 0 2; -1 0 1"),
        ("robinson-3-w", "1 0 -1; 1 0 -1; 1 0 -1"),
        ("prewitt-compass-s", "-1 -1 -1; 1 -2 1; 1 1 1"),
        ("corner-n", "5 5 5; -4 5 -4; -4 -4 -4"),
        ("corner-se", "-4 -4 -4; -4 5 5; -4 5 5"),
        ("imagej-shadow-s", "-1 -2 -1; 0 1 0; 1 2 1"),
        ("imagej-shadow-e", "-1 0 1; -2 1 2; -1 0 1"),
        ("imagej-shadow-nw", "2 1 0; 1 1 -1; 0 -1 -2"),
        ("laplacian-opencv:size=3", "2 0 2; 0 -8 0; 2 0 2"),
        ("laplacian-ones", "1 1 1; 1 -8 1; 1 1 1"),
        ("hadamard:u=1,v=0,size=2", "1 1; -1 -1"),
        ("unsharp:amount=1,size=1", "1"),
        ("high-boost:boost=1", "-1/9 -1/9 -1/9; -1/9 8/9 -1/9; -1/9 -1/9 -1/9"),
    ],
)
def test_coefficients(name, matrix):
    np.testing.assert_allclose(load_kernel(name).weights, load_kernel(matrix).weights, rtol=1e-15, atol=1e-15)


SUMS = {
    0: """sobel scharr prewitt kirsch robinson robinson-3 prewitt-compass roberts farid isotropic corners lines
    dog-octave frei-chen-edge frei-chen-line laws-5-energy mr8 leung-malik schmid haar-like steerable-g1""",
    1: "emboss imagej-shadows motion-8 scale-space",
}


@pytest.mark.parametrize("total", SUMS)
def test_sums_of_banks(total):
    for name in SUMS[total].split():
        for kernel in load_kernels(f"bank:{name}"):
            assert kernel.weights.sum() == pytest.approx(total, abs=1e-12), kernel.name


SUM_ONE = """
box box:size=4,7 gaussian gaussian:sigma=3.3 gaussian:form=bessel gaussian:form=integrated
gaussian:size=6 binomial:size=8 disk disk:radius=0.3 disk:radius=7.7 disk:antialias=no cone
cone:radius=0.5 hann hann:size=8 motion motion:angle=33 motion:length=1 comet:angle=200 unsharp
unsharp:amount=3,sigma=2 sharpen-imagemagick gaussian-canny pyramid-burt-adelson luma-601 luma-709
sharpen sharpen-diagonal edge-enhance detail pillow-blur pillow-smooth pillow-smooth-more
imagej-sharpen gimp-blur unsharp-5x5
"""


@pytest.mark.parametrize("spec", SUM_ONE.split())
def test_flat_areas_stay(spec):
    assert load_kernel(spec).weights.sum() == pytest.approx(1, abs=1e-12)


SUM_ZERO = """
log log:sigma=3 dog gabor-sine:theta=30 gabor-zero-mean laplacian-5 laplacian-isotropic
laplacian-diagonal laplacian-mehrstellen laplacian-alpha laplacian-im-2 laplacian-im-3
laplacian-im-5 log-5x5 gaussian-x gaussian-y gaussian-xy sobel-xx sobel-5-xy red-green yellow-blue
red-green-edge contour edge-detect:size=5
"""


@pytest.mark.parametrize("spec", SUM_ZERO.split())
def test_flat_areas_vanish(spec):
    assert load_kernel(spec).weights.sum() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("bank", ["frei-chen", "dct-3", "dct-4", "dct-8", "hadamard-4", "haar"])
def test_bases_are_orthogonal(bank):
    rows = np.array([kernel.weights.ravel() for kernel in load_kernels(f"bank:{bank}")])
    gram = rows @ rows.T
    unit = gram[0, 0] if bank == "hadamard-4" else 1
    np.testing.assert_allclose(gram, unit * np.eye(len(rows)), atol=1e-12)
    assert len(rows) == rows.shape[1]  # a whole basis


@pytest.mark.parametrize(
    "name", ["bickley", "ando", "kroon", "central", "sobel-x:scale=1/8", "isotropic-x:variant=gmic"]
)
def test_unit_gain_on_a_ramp(name):
    spec = name if "-x" in name else f"{name}-x"
    weights = load_kernel(spec).weights
    ramp = np.broadcast_to(np.arange(weights.shape[1], dtype=float), weights.shape)
    assert np.sum(weights * ramp) == pytest.approx(1, abs=1e-6)


def test_farid_has_unit_gain():
    weights = load_kernel("farid-x").weights
    ramp = np.broadcast_to(np.arange(5.0), (5, 5))
    assert np.sum(weights * ramp) == pytest.approx(1, abs=0.01)


PARABOLOID = """
laplacian-4 laplacian-8:scale=1/3 laplacian-isotropic laplacian-mehrstellen laplacian-diagonal laplacian-alpha:alpha=0.5
"""


@pytest.mark.parametrize("name", PARABOLOID.split())
def test_laplacians_of_a_paraboloid(name):
    y, x = np.mgrid[-1:2, -1:2]
    assert np.sum(load_kernel(name).weights * (x * x + y * y)) == pytest.approx(4)


def test_steering():
    """A steerable filter at any angle is a sum of those at fixed angles."""
    for basis, angles in (("g1", [0, 90]), ("g2", [0, 60, 120]), ("h2", [0, 45, 90, 135])):
        fixed = np.array([load_kernel(f"steerable:basis={basis},theta={angle}").weights.ravel() for angle in angles])
        wanted = load_kernel(f"steerable:basis={basis},theta=33").weights.ravel()
        shares, *_ = np.linalg.lstsq(fixed.T, wanted)
        np.testing.assert_allclose(shares @ fixed, wanted, atol=1e-12)


def test_opposite_kernels_of_gradient_compasses():
    for name in ("robinson", "robinson-3"):
        kernels = [kernel.weights for kernel in load_kernels(f"bank:{name}")]
        for one, other in zip(kernels[:4], kernels[4:], strict=True):
            np.testing.assert_array_equal(one, -other)


def test_motion():
    kernel = load_kernel("motion:length=5").weights
    np.testing.assert_allclose(kernel, np.outer([0, 0, 1, 0, 0], np.ones(5)) / 5)
    np.testing.assert_allclose(load_kernel("motion:length=5,angle=90").weights, kernel.T)
    np.testing.assert_allclose(
        load_kernel("motion:length=9,angle=135").weights,
        load_kernel("motion:length=9,angle=45").weights[:, ::-1],
        atol=1e-15,
    )
    assert measure(load_kernel("motion:angle=20")).symmetry["point"] == "even"
    down_right = load_kernel("motion:length=9,angle=45").weights
    assert np.trace(down_right) > 0.5 > np.trace(down_right[:, ::-1])


def test_comet_tail_points_along_its_angle():
    kernel = load_kernel("comet:sigma=2,angle=90").weights
    middle = len(kernel) // 2
    assert kernel[:middle].sum() == 0
    assert kernel[middle, middle] == kernel.max()
    assert (np.diff(kernel[middle:, middle]) < 0).all()


def test_disk_area_and_symmetry():
    kernel = load_kernel("disk:radius=5")
    facts = measure(kernel)
    assert facts.symmetry == dict.fromkeys(facts.symmetry, "even")
    assert 1 / kernel.weights.max() == pytest.approx(np.pi * 25, rel=1e-3)
    assert kernel.weights.shape == (11, 11)
    assert load_kernel("disk:radius=1,antialias=no").weights.tolist() == (load_kernel("plus").weights / 5).tolist()


def test_random_weights_are_the_same_for_ever():
    kernel = load_kernel("random:seed=7").weights
    np.testing.assert_array_equal(kernel, load_kernel("random:seed=7").weights)
    assert kernel.ravel()[:3] == pytest.approx(RANDOM_7, abs=1e-12)
    assert load_kernel("random:channels=3,size=2,4").weights.shape == (3, 2, 4)


#: The first weights of ``random:seed=7``.
RANDOM_7 = [0.527342903935775, 0.1264545599346365, 0.27905592608450097]


@pytest.mark.parametrize(
    ("distribution", "deviation", "limit"),
    [
        ("he", (2 / 10000) ** 0.5, None),
        ("he-uniform", (2 / 10000) ** 0.5, (6 / 10000) ** 0.5),
        ("xavier", (1 / 10000) ** 0.5, (6 / 20000) ** 0.5),
        ("xavier-normal", (1 / 10000) ** 0.5, None),
        ("lecun", (1 / 10000) ** 0.5, None),
        ("uniform", 2 / 3**0.5, 2),
        ("normal", 2, None),
    ],
)
def test_random_distributions(distribution, deviation, limit):
    weights = load_kernel(f"random:distribution={distribution},size=100,width=2").weights
    assert weights.mean() == pytest.approx(0, abs=0.04 * deviation)
    assert weights.std() == pytest.approx(deviation, rel=0.03)
    assert limit is None or 0.99 * limit < np.abs(weights).max() <= limit


def test_laws_are_transposes_of_each_other():
    for column, row in (("e5", "l5"), ("r5", "s5"), ("o7", "w7"), ("s3", "e3")):
        one, other = load_kernel(f"laws:column={column},row={row}"), load_kernel(f"laws:column={row},row={column}")
        np.testing.assert_array_equal(one.weights, other.weights.T)


def test_gabor_theta_is_rotation():
    upright = load_kernel("gabor:wavelength=6,size=31,gamma=0.7,psi=20")
    np.testing.assert_allclose(
        load_kernel("gabor:wavelength=6,size=31,gamma=0.7,psi=20,theta=90").weights,
        np.rot90(upright.weights, -1),
        atol=1e-15,
    )
    turned = load_kernel("gabor:wavelength=6,size=31,gamma=0.7,psi=20,rotate=30").weights
    formula = load_kernel("gabor:wavelength=6,size=31,gamma=0.7,psi=20,theta=30").weights
    assert np.abs(turned - formula).max() < 0.12 * np.abs(formula).max()
