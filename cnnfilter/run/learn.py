"""The kernel that leads from one picture to another, by least squares."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike

from cnnfilter.core.activate import activate, parse_activation
from cnnfilter.core.arrays import Array, real_array
from cnnfilter.core.blas import blas_in_one_thread
from cnnfilter.core.shapes import Pair, pair
from cnnfilter.errors import CnnFilterError, ParameterError, ShapeError, lookup
from cnnfilter.library.build import build_kernel
from cnnfilter.library.catalog import entries, search_path
from cnnfilter.library.load import load_kernels
from cnnfilter.library.suggest import DIRECTED
from cnnfilter.run.descend import Descent, Snapshot, descend
from cnnfilter.run.options import Activation

#: How a kernel is learned.
METHODS = {"lstsq": "least squares", "sgd": "descent from random numbers"}
#: The longest side of a kernel that is learned.
LONGEST = 31
#: Bytes of windows that are multiplied at a time, and products that are spent on one kernel.
PART_BYTES, MOST_PRODUCTS = 1 << 24, 400_000_000_000
#: From this condition of the windows on, the pictures do not tell every weight.
BLIND = 1e7
#: A kernel of the library is named if the learned one differs from it by this share at most.
NEAR = 0.05
#: Widths of Gaussians that a learned kernel is held against.
SIGMAS = np.arange(0.3, 6.01, 0.05)


class Closest(NamedTuple):
    """The kernel of the library that comes closest: how it is typed, and how far it is, relative to its own size."""

    spec: str
    distance: float


class Learned(NamedTuple):
    """What was learned of some pairs of pictures.

    Attributes
    ----------
    weights, bias
        ``(kH, kW)``, or ``(C, kH, kW)`` where all channels of the first picture make the single one of the second.
    residual, largest
        The root of the mean square of what is left over, and the largest of it.
    condition
        How much an error of the second picture may grow in the weights; infinite where the pictures do not tell them.
    used, clipped
        Windows that were used, and those that were left out because the result is clipped.
    closest
        The kernel of the library that is nearest, if one is near.
    way
        The kernel on its way there, where it was found by descent.
    notes
        What the pictures cannot tell, and what was guessed.
    """

    weights: Array
    bias: float
    residual: float
    largest: float
    condition: float
    used: int
    clipped: int
    closest: Closest | None
    way: tuple[Snapshot, ...]
    notes: tuple[str, ...]


class _Sums:
    """Sums over all windows: of products of taps, of taps and results, and of both alone."""

    def __init__(self, count: int) -> None:
        self.taps, self.results = np.zeros((count, count)), np.zeros(count)
        self.tap, self.result = np.zeros(count), 0.0
        self.used = self.clipped = 0

    def add(self, windows: Array, results: Array, kept: Array) -> None:
        """Add windows ``(N, n)`` and what they became ``(N,)``, where `kept`."""
        self.clipped += int(kept.size - np.count_nonzero(kept))
        rows, values = windows[kept], results[kept]
        self.used += len(rows)
        self.taps += rows.T @ rows
        self.results += rows.T @ values
        self.tap += rows.sum(axis=0)
        self.result += float(values.sum())


def learn_kernel(
    before: ArrayLike | Sequence[ArrayLike], after: ArrayLike | Sequence[ArrayLike], size: int | str | tuple[int, int],
    *, method: str = "lstsq", ridge: float = 0.0, seed: int = 0, activation: str | None = None,
) -> Learned:  # fmt: skip
    """Return the kernel that makes `after` of `before`, as ``conv2d`` applies it.

    Parameters
    ----------
    before, after
        A picture ``(H, W)`` or ``(C, H, W)`` each, or lists of as many. `after` has the size of ``valid`` or of
        ``same``; of the latter only windows that lie within the picture are used, so that its border does not matter.
        With as many channels on both sides each channel is a picture by itself; a single one after several is their
        sum.
    size
        Rows and columns of the kernel: n, or both; at most 31.
    method
        ``lstsq``, the best there is at once; or ``sgd``, descent from random numbers, as networks learn.
    ridge
        With lstsq: how much large weights cost: ``ridge`` times the mean variance of the taps is added to the squares.
    seed
        With sgd: draws the first weights and the crops.
    activation
        With sgd: what follows the convolution, as ``relu`` or ``leaky-relu:negative_slope=0.1``.

    Returns
    -------
    Learned
        Weights, bias, what is left over, and the closest kernel of the library.

    Raises
    ------
    ShapeError
        If the pictures do not fit together, or the kernel does not fit them.
    ParameterError
        If a number is out of its range, or too few windows are left.

    Notes
    -----
    The weights solve the normal equations ``(X'X + ridge) w = X'y`` of centred windows X and results y in float64,
    added up in parts; their condition is that of X. Results of whole numbers that are the smallest or largest of
    their type (0 and 255) are taken for clipped, and left out.

    References
    ----------
    .. [1] A. E. Hoerl and R. W. Kennard, "Ridge regression", Technometrics 12(1), 1970.

    Examples
    --------
    >>> image = np.random.default_rng(0).integers(0, 256, (32, 32)).astype(float)
    >>> from cnnfilter import conv2d
    >>> found = learn_kernel(image, conv2d(image, "sobel-x"), 3)
    >>> found.weights.round(6) + 0.0
    array([[-1.,  0.,  1.],
           [-2.,  0.,  2.],
           [-1.,  0.,  1.]])
    >>> found.closest.spec
    'sobel-x'
    """
    window = pair(size, "size")
    if max(window) > LONGEST:
        raise ParameterError(f"size {window[0]}x{window[1]}: kernels of at most {LONGEST} a side are learned")
    lookup(METHODS, method, "method")
    if not 0 <= ridge < math.inf or (ridge and method != "lstsq"):
        raise ParameterError(f"ridge must be 0 or more, and goes with the method lstsq; got {ridge}")
    if activation is not None and method != "sgd":
        raise ParameterError("an activation is learned through by descent (method sgd)")
    pairs = _pairs(before, after)
    depth = 1 if pairs[0][0].shape[0] == pairs[0][1].shape[0] else pairs[0][0].shape[0]
    sums, notes = _summed(pairs, window, depth)
    count = len(sums.tap)
    if sums.used <= count:
        raise ParameterError(
            f"{sums.used} windows are left for {count} weights ({sums.clipped} are clipped): larger pictures are needed"
        )
    weights, bias, condition = _solved(sums, ridge)
    if condition > BLIND:
        blind = "the pictures do not tell every weight: they are constant, or smooth, or nearly so"
        notes = (*notes, f"{blind} (more pictures, or --ridge 1e-6, help)")
    shaped = weights.reshape(depth, *window)
    shaped = shaped[0] if depth == 1 else shaped
    way: tuple[Snapshot, ...] = ()
    after_it = None if activation is None else Activation(*parse_activation(activation))
    if method == "sgd":
        shaped, bias, way = _descended(pairs, window, depth, sums, seed, after_it)
    residual, largest = _left(pairs, shaped, bias, window, after_it)
    return Learned(
        weights=shaped, bias=bias, residual=residual, largest=largest,
        condition=condition, used=sums.used, clipped=sums.clipped,
        closest=closest(shaped) if shaped.ndim == 2 else None, way=way, notes=notes,
    )  # fmt: skip


def _descended(
    pairs: Sequence[tuple[Array, Array]], window: Pair, depth: int, sums: _Sums, seed: int, after_it: Activation | None
) -> Descent:
    """Return what descent finds; each channel is a picture by itself unless all make one."""
    parts: list[tuple[Array, Array]] = []
    for one, other in pairs:
        inside, _ = _inside(one, other, window)
        parts += [(one, inside)] if depth > 1 else [(one[c : c + 1], inside[c : c + 1]) for c in range(len(inside))]
    found = descend(parts, window, _limits(pairs[0][1]), _spread(sums), seed=seed, activation=after_it)
    return found if depth > 1 else found.without_channels()


def _pairs(
    before: ArrayLike | Sequence[ArrayLike], after: ArrayLike | Sequence[ArrayLike]
) -> list[tuple[Array, Array]]:
    """Return the pictures as ``(C, H, W)``, each with what it became."""
    sides = []
    for name, given in (("before", before), ("after", after)):
        listed = list(given) if isinstance(given, list | tuple) else []
        several = bool(listed) and all(hasattr(one, "__array__") for one in listed)
        arrays = [real_array(one, name) for one in (listed if several else [given])]
        if any(one.ndim not in (2, 3) or not one.size for one in arrays):
            raise ShapeError(f"{name}: pictures are (H, W) or (C, H, W)")
        sides.append([one if one.ndim == 3 else one[None] for one in arrays])
    if len(sides[0]) != len(sides[1]):
        raise ShapeError(f"{len(sides[0])} pictures before, {len(sides[1])} after: each needs its own")
    made = list(zip(*sides, strict=True))
    kinds = {(one.shape[0], other.shape[0]) for one, other in made}
    if len(kinds) > 1 or any(b not in (a, 1) for a, b in kinds):
        raise ShapeError(f"channels before and after must be as many, or one after; got {sorted(kinds)}")
    return made


def _summed(pairs: Sequence[tuple[Array, Array]], window: Pair, depth: int) -> tuple[_Sums, tuple[str, ...]]:
    """Return the sums over all windows of all pictures, and what was guessed."""
    sums, notes = _Sums(depth * window[0] * window[1]), []
    cells = sum(other.shape[-2] * other.shape[-1] * (other.shape[0] if depth == 1 else 1) for _, other in pairs)
    step = max(1, -(-cells * len(sums.tap) ** 2 // MOST_PRODUCTS))
    if step > 1:
        notes.append(f"every {step}th row of windows was used: {cells:,} windows of {len(sums.tap)} weights are many")
    with blas_in_one_thread():
        for one, other in pairs:
            inside, how = _inside(one, other, window)
            notes.append(how)
            for windows, results, kept in _parts(one, inside, window, depth, step, _limits(other)):
                sums.add(windows, results, kept)
    return sums, tuple(dict.fromkeys(notes))


def _limits(after: Array) -> tuple[float, float]:
    """Return the numbers at which results are clipped: the ends of a type of whole numbers."""
    if after.dtype.kind in "iu" and after.dtype.itemsize <= 2:
        return float(np.iinfo(after.dtype).min), float(np.iinfo(after.dtype).max)
    return -math.inf, math.inf


def _inside(one: Array, other: Array, window: Pair) -> tuple[Array, str]:
    """Return results of windows that lie within the picture, and what padding `other` was made with."""
    wanted = one.shape[-2] - window[0] + 1, one.shape[-1] - window[1] + 1
    if min(wanted) < 1:
        raise ShapeError(f"a kernel {window[0]}x{window[1]} does not fit a picture {one.shape[-2]}x{one.shape[-1]}")
    if other.shape[-2:] == wanted:
        return other, "after is as large as whole windows leave (valid)"
    if other.shape[-2:] == one.shape[-2:]:
        top, left = (window[0] - 1) // 2, (window[1] - 1) // 2
        return other[
            :, top : top + wanted[0], left : left + wanted[1]
        ], "after is as large as before (same); its border was left out"
    sizes = " and ".join(f"{part.shape[-2]}x{part.shape[-1]}" for part in (one, other))
    raise ShapeError(
        f"pictures of {sizes}: after must be as large as before (same), or {wanted[0]}x{wanted[1]} (valid)"
    )


def _parts(
    one: Array, inside: Array, window: Pair, depth: int, step: int, limits: tuple[float, float]
) -> Iterator[tuple[Array, Array, Array]]:
    """Yield windows ``(N, n)``, results ``(N,)`` and which of them count, some rows at a time."""
    groups = [(one, inside)] if depth > 1 else [(one[c : c + 1], inside[c : c + 1]) for c in range(len(one))]
    for planes, results in groups:
        views = sliding_window_view(planes, window, axis=(1, 2))  # (C, oH, oW, kH, kW)
        rows = max(1, PART_BYTES // (8 * depth * window[0] * window[1] * views.shape[2] * step)) * step
        for top in range(0, views.shape[1], rows):
            part = views[:, top : top + rows : step]
            flat = np.moveaxis(part, 0, 2).reshape(-1, depth * window[0] * window[1]).astype(np.float64)
            values = results[0, top : top + rows : step].reshape(-1).astype(np.float64)
            kept = np.isfinite(values) & (values > limits[0]) & (values < limits[1]) & np.isfinite(flat).all(axis=1)
            yield flat, values, kept


def _spread(sums: _Sums) -> Array:
    """Return the covariance of the taps."""
    mean = sums.tap / sums.used
    covariance: Array = sums.taps / sums.used - np.outer(mean, mean)
    return covariance


def _solved(sums: _Sums, ridge: float) -> tuple[Array, float, float]:
    """Return weights, bias and the condition of the centred windows."""
    mean, result = sums.tap / sums.used, sums.result / sums.used
    spread = _spread(sums)
    together = sums.results / sums.used - mean * result
    values, vectors = np.linalg.eigh(spread)
    values = np.maximum(values, 0.0)
    top = float(values[-1])
    condition = math.sqrt(top / values[0]) if values[0] > top * 1e-15 else math.inf
    damped = values + ridge * float(values.mean())
    usable = damped > max(top * 1e-14, np.finfo(float).tiny)
    inverse = np.where(usable, 1 / np.where(usable, damped, 1.0), 0.0)
    weights = vectors @ (inverse * (vectors.T @ together))
    bias = result - float(mean @ weights)
    return (
        weights,
        0.0 if abs(bias) < 1e-10 * (abs(result) + float(np.abs(mean) @ np.abs(weights))) else bias,
        condition,
    )


def _left(
    pairs: Sequence[tuple[Array, Array]], weights: Array, bias: float, window: Pair, after_it: Activation | None
) -> tuple[float, float]:
    """Return what is left over among the windows that count: the root of its mean square, and the largest of it."""
    depth = 1 if weights.ndim == 2 else len(weights)
    most, squares, count = 0.0, 0.0, 0
    for one, other in pairs:
        inside, _ = _inside(one, other, window)
        for windows, results, kept in _parts(one, inside, window, depth, 1, _limits(other)):
            made = windows[kept] @ weights.reshape(-1) + bias
            if after_it is not None and made.size:
                made = activate(made, after_it.name, **after_it.parameters)
            rest = np.abs(made - results[kept])
            most, squares, count = (
                max(most, float(rest.max(initial=0.0))),
                squares + float(rest @ rest),
                count + len(rest),
            )
    return math.sqrt(squares / max(count, 1)), most


def closest(weights: Array) -> Closest | None:
    """Return the kernel of the library that is nearest to `weights` ``(kH, kW)``, itself or times one number.

    Examples
    --------
    >>> closest(np.array([[-1.0, 0.0, 1.01], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])).spec
    'sobel-x'
    """
    found: list[Closest] = []
    if weights.size == 1:  # any one is a multiple of any other
        return None
    for spec, known in _candidates(weights.shape):
        size = float(np.linalg.norm(known))
        if not size:
            continue
        factor = float((weights * known).sum()) / size**2
        found.append(Closest(spec, float(np.linalg.norm(weights - known)) / size))
        if factor and abs(factor - 1) > NEAR:
            distance = float(np.linalg.norm(weights - factor * known)) / (abs(factor) * size)
            found.append(Closest(f"{spec}{',' if ':' in spec else ':'}scale={factor:.3g}", distance))
    best = min(found, key=_rank, default=None)
    return best if best is not None and best.distance <= NEAR else None


def _rank(one: Closest) -> tuple[float, bool, bool, int]:
    """Return what sorts kernels: of equals the plain ones, that say their direction, and have the shorter names."""
    return round(one.distance, 3), "scale=" in one.spec, one.spec in DIRECTED, len(one.spec)


def _candidates(shape: tuple[int, ...]) -> Iterator[tuple[str, Array]]:
    """Yield every kernel of the library of a shape, and Gaussians of many widths."""
    for entry in entries(search_path()):
        if entry.kind != "kernel" or entry.hidden_by:
            continue
        try:
            kernel = build_kernel(entry, {}, lambda text: load_kernels(text)[0])
        except CnnFilterError:
            continue
        if kernel.shape == shape:
            yield kernel.spec, kernel.weights
    for sigma in SIGMAS if shape[0] == shape[1] and shape[0] % 2 else ():
        spec = f"gaussian:sigma={sigma:.4g},size={shape[0]}"
        yield spec, load_kernels(spec)[0].weights
