"""Random pictures, and what the program makes of them as another tool: below the command line, where it is fast."""

import numpy as np
import pytest

from cnnfilter.images.picture import Picture
from cnnfilter.library.conventions import adopt_words
from cnnfilter.library.load import load_kernels
from cnnfilter.run import map_plan as rooms
from cnnfilter.run.image import Request, do_image, plan_image
from cnnfilter.run.options import make_options
from cnnfilter.run.steps import kernel_steps

#: The words that a tool has an opinion on, as `convolve` has them where they are not typed.
WORDS = {"range": "stored", "padding": "valid", "padding_mode": "zeros", "flip": False, "dtype": "float32"}


#: Random cases that every run goes through; the others are for long runs.
FEW = 60


def seeds(count):
    """The seeds of random cases, most of them for long runs."""
    return [seed if seed < FEW else pytest.param(seed, marks=pytest.mark.long) for seed in range(count)]


def picture_of(array):
    """An array as tools hold it, ``(H, W)`` or ``(H, W, C)``, as the picture that a file of it would be."""
    planes = array[None] if array.ndim == 2 else np.moveaxis(array, -1, 0)
    return Picture(
        "random", *planes.shape[1:], len(planes), has_alpha=len(planes) in (2, 4), dtype=array.dtype, notes=(),
        strip=lambda start, stop: planes[:, start:stop],
        full_scale=float(np.iinfo(array.dtype).max) if array.dtype.kind == "u" else 0.0,
    )  # fmt: skip


def request_of(tool, specs, words):
    """The request of ``convolve -k SPEC --as TOOL --word value``."""
    adopted = {name: value for name, value in words.items() if name in WORDS}
    others = {name: value for name, value in words.items() if name not in WORDS}
    options = make_options(**others, **adopt_words(tool, WORDS | adopted, frozenset(adopted)))
    kernels = load_kernels(*specs, tool=tool)
    return Request(steps=kernel_steps(kernels, options), options=options, display="auto", keep=True)


def filtered(tool, array, *specs, **words):
    """The map of a kernel, or of several combined, as the tool holds it: ``(H, W)`` or ``(H, W, C)``; and its note."""
    (done,) = do_image(request_of(tool, specs, words), picture_of(array), [])
    maps = np.moveaxis(done.maps.hold(), 0, -1)
    return (maps[..., 0] if maps.shape[-1] == 1 else maps), " ".join(done.result.notes)


def alpha_of(tool, array, spec, **words):
    """The transparency that the picture of a map has."""
    picture = picture_of(array)
    request = request_of(tool, [spec], words).on(picture)
    (work,) = plan_image(request, picture)
    return rooms.alpha_of(work.plan.source, work.plan.ways[0])


def random_array(rng, *, depth, channels, size):
    """A picture of noise, flat areas and a ramp, in ``uint8``, ``uint16`` or floats of 0 to 1."""
    height, width = size
    ramp = np.linspace(0, 1, width)[None, :, None] * rng.uniform(0.2, 1)
    array = np.where(rng.random((height, width, channels)) < 0.5, ramp, rng.random((height, width, channels)))
    array[: height // 3, : width // 2] = rng.integers(0, 2)
    if np.dtype(depth).kind == "u":
        array = np.rint(array * np.iinfo(depth).max)
    array = array.astype(depth)
    return array[..., 0] if channels == 1 else array


def random_case(rng, specs, *, depths, channels=(1, 3, 4), largest=24):
    """One case: an array, a spec with its call."""
    size = tuple(int(side) for side in rng.integers(5, largest, 2))
    array = random_array(rng, depth=str(rng.choice(depths)), channels=int(rng.choice(channels)), size=size)
    return array, specs[int(rng.integers(len(specs)))](rng)


def each_channel(call, array):
    """A call for each channel by itself, the transparency left out."""
    if array.ndim == 2:
        return call(array)
    return np.stack([call(np.ascontiguousarray(array[..., channel])) for channel in range(min(3, array.shape[2]))], -1)


def random_weights(rng, shapes=((3, 3), (2, 2), (1, 4), (5, 5), (3, 5), (4, 1), (1, 1))):
    """Weights of a few decimals, as people type them, and the spec."""
    shape = shapes[int(rng.integers(len(shapes)))]
    weights = np.round(rng.normal(size=shape), 2)
    return weights, "; ".join(" ".join(f"{value:g}" for value in row) for row in weights)
