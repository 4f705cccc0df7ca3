"""A network that learns: what its loss is, how it changes with every weight, and steps until nothing gets better."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from cnnfilter.core.arrays import Array
from cnnfilter.core.blas import blas_in_one_thread
from cnnfilter.core.gradients.pointwise import cross_entropy
from cnnfilter.core.optimizers import OPTIMIZERS
from cnnfilter.core.rows import for_each
from cnnfilter.errors import ParameterError, ShapeError
from cnnfilter.networks.ending import network_ending
from cnnfilter.networks.layers.base import Layer
from cnnfilter.networks.plan import plan_network
from cnnfilter.networks.run import run_layers
from cnnfilter.networks.spec import INPUT, Network

#: Pixels, and least pictures, of a batch that go forth and back together: sums are added in the order of these parts,
#: whatever the threads.
PART_PIXELS, PART = 4096, 8
#: A loss of so many times that of guessing is called divergence.
HOPELESS = 1000.0
#: Pictures of the hold-out that are judged together.
JUDGED = 512

#: The arrays of each layer that are trained, or their gradients: by the layer's name, then by the array's key.
Arrays = dict[str, dict[str, Array]]


class Settings(NamedTuple):
    """How a network is trained.

    Attributes
    ----------
    epochs
        How often every picture is seen.
    batch_size
        Pictures that a step is made of.
    learning_rate
        Size of a step; None takes the optimizer's own.
    optimizer
        A key of ``OPTIMIZERS``.
    seed
        Draws first weights, hold-out, batches and what dropout leaves out.
    patience
        Epochs without a better hold-out after which training ends; 0 for never.
    """

    epochs: int = 30
    batch_size: int = 32
    learning_rate: float | None = None
    optimizer: str = "adam"
    seed: int = 0
    patience: int = 10

    @property
    def rate(self) -> float:
        """The learning rate that is used."""
        return OPTIMIZERS[self.optimizer][1] if self.learning_rate is None else self.learning_rate


class Examples(NamedTuple):
    """Pictures as the first layer takes them ``(N, C, H, W)``, and the class of each ``(N,)``."""

    images: Array
    labels: Array


class Epoch(NamedTuple):
    """What an epoch came to: mean loss and accuracy on the way, and accuracy on the hold-out after it, if there is one.

    Attributes
    ----------
    epoch
        From 1.
    loss, accuracy
        Over the training pictures, each seen just before the step that it is part of.
    held_loss, held_accuracy
        Over the hold-out.
    """

    epoch: int
    loss: float
    accuracy: float
    held_loss: float | None = None
    held_accuracy: float | None = None

    @property
    def merit(self) -> tuple[float, float]:
        """What makes an epoch better than another: more right, or as many with less loss."""
        if self.held_accuracy is None or self.held_loss is None:
            return self.accuracy, -self.loss
        return self.held_accuracy, -self.held_loss


def score_layer(network: Network, classes: int) -> str:
    """Return the layer whose values are the scores of the classes.

    Raises
    ------
    ShapeError
        If a layer does not fit, or the network does not end in one score for each class.
    """
    plan = plan_network(network)
    ending = network_ending(network)
    layers = {layer.name: layer for layer in network.layers}
    name = ending.layer
    if ending.kind in ("softmax", "log-softmax"):
        name = layers[ending.decider].sources[0]
    elif ending.kind != "linear":
        raise ShapeError(
            f"the network ends in {ending.operation} (layer {ending.layer!r}), and training needs scores of classes: "
            "weighted sums (dense), or a softmax of them"
        )
    shape = next((one.shape for one in plan.layers if one.name == name), ())
    if math.prod(shape) != classes or max(shape, default=0) != classes:
        shown = " x ".join(map(str, shape)) or "the input"
        raise ShapeError(f"layer {name!r} gives {shown} values, and the pictures are of {classes} classes")
    return name


class Trainer:
    """Makes the steps, and remembers the best weights, the way there, and all that is needed to go on later.

    Parameters
    ----------
    network
        Where it begins; it stays as it is.
    seen, held
        Pictures to learn from, and others to be judged by, or None.
    settings
        How it is trained.
    threads
        At most this many; results do not depend on it.
    """

    def __init__(
        self, network: Network, seen: Examples, held: Examples | None, settings: Settings, threads: int | None = None
    ) -> None:
        layers = tuple(_with_own_arrays(layer) for layer in network.layers)
        self.network = replace(network, layers=layers)
        self.seen, self.held, self.settings, self.threads = seen, held, settings, threads
        self.scores = score_layer(network, len(network.classes))
        self.arrays: Arrays = {layer.name: own for layer in layers if (own := _trained(layer))}
        if not self.arrays:
            raise ParameterError("no layer of the network has weights that could be trained")
        make = OPTIMIZERS[settings.optimizer][0]
        self.optimizers = {(name, key): make(array.shape, array.dtype) for name, key, array in _each(self.arrays)}
        self.steps = 0
        self.history: list[Epoch] = []
        self.best: Arrays = _copied(self.arrays)
        self.best_epoch = 0
        self.shown = next((layer.name for layer in layers if layer.kind == "conv"), "")
        self.film: list[Array] = [self.filters()] if self.shown else []

    def filters(self) -> Array:
        """Return the filters of the first convolution as they are now: ``(K, C/groups, kH, kW)``."""
        return self.arrays[self.shown]["weights"].copy()

    @property
    def finished(self) -> bool:
        """Whether all epochs are over, or none got better for long."""
        return len(self.history) >= self.settings.epochs or self.tired

    @property
    def tired(self) -> bool:
        """Whether none got better for long."""
        patience = self.settings.patience if self.held is not None else 0
        return bool(patience) and len(self.history) - self.best_epoch >= patience

    def best_network(self) -> Network:
        """Return the network with its best weights."""
        layers = tuple(layer.with_arrays(self.best.get(layer.name, {})) for layer in self.network.layers)
        return replace(self.network, layers=layers)

    def epoch(self) -> Epoch:
        """See every picture once, in an order that the seed and the number of the epoch draw; return what it came to.

        Raises
        ------
        ParameterError
            If the loss grows without bounds.
        """
        number = len(self.history) + 1
        draw = np.random.default_rng((self.settings.seed, number))
        order = draw.permutation(len(self.seen.labels))
        loss, right = 0.0, 0
        with blas_in_one_thread():
            for start in range(0, len(order), self.settings.batch_size):
                batch = order[start : start + self.settings.batch_size]
                found = self._step(Examples(self.seen.images[batch], self.seen.labels[batch]), draw)
                self._check(found.loss, number)
                loss, right = loss + found.loss * len(batch), right + found.right
        made = Epoch(number, loss / len(order), right / len(order), *self._judged())
        self.history.append(made)
        if self.shown:
            self.film.append(self.filters())
        if number == 1 or made.merit > self.history[self.best_epoch - 1].merit:
            self.best, self.best_epoch = _copied(self.arrays), number
        return made

    def _check(self, loss: float, number: int) -> None:
        """Raise where a loss says that nothing will come of it."""
        guess = math.log(max(2, len(self.network.classes)))
        if not loss < HOPELESS * guess:
            usual = OPTIMIZERS[self.settings.optimizer][1]
            better = min(self.settings.rate / 10, usual)
            raise ParameterError(
                f"training diverged in epoch {number}: the loss is {loss:.4g}, and guessing has {guess:.3g} "
                f"(a smaller --learning-rate than {self.settings.rate:g}, such as {better:g})"
            )

    def _step(self, batch: Examples, draw: np.random.Generator) -> Found:
        """Make one step, and return what there was before it."""
        network = replace(self.network, layers=tuple(layer.while_training(draw) for layer in self.network.layers))
        many = max(PART, PART_PIXELS // (batch.images.shape[2] * batch.images.shape[3]))
        starts = range(0, len(batch.labels), many)
        found: dict[int, Found] = {}

        def go(start: int) -> None:
            part = Examples(batch.images[start : start + many], batch.labels[start : start + many])
            found[start] = gradients(network, self.scores, part, share=len(part.labels) / len(batch.labels))

        for_each(go, list(starts), self.threads)
        whole = found[0]
        for start in starts[1:]:
            whole = whole.plus(found[start])
        for (name, key), optimizer in self.optimizers.items():
            self.arrays[name][key] -= optimizer.step(whole.arrays[name][key], self.steps, self.settings.rate)
        self.steps += 1
        return whole

    def _judged(self) -> tuple[float | None, float | None]:
        """Return loss and accuracy on the hold-out."""
        if self.held is None:
            return None, None
        loss, right = 0.0, 0
        for start in range(0, len(self.held.labels), JUDGED):
            labels = self.held.labels[start : start + JUDGED]
            outputs = run_layers(
                self.network, self.held.images[start : start + JUDGED], threads=self.threads, keep=[self.scores]
            )
            scores = outputs[self.scores].reshape(len(labels), -1)
            loss += cross_entropy(scores, labels).loss * len(labels)
            right += int(np.count_nonzero(scores.argmax(axis=1) == labels))
        return loss / len(self.held.labels), right / len(self.held.labels)

    def state(self) -> dict[str, Array]:
        """Return everything that goes on later: weights, the best of them, the optimizer's memory, the filters' way."""
        state = {f"weights/{name}/{key}": array for name, key, array in _each(self.arrays)}
        state |= {f"best/{name}/{key}": array for name, key, array in _each(self.best)}
        for (name, key), optimizer in self.optimizers.items():
            state |= {f"{word}/{name}/{key}": array for word, array in optimizer.state.items()}
        state["history"] = np.array([[math.nan if one is None else one for one in row] for row in self.history])
        state["counts"] = np.array([self.steps, self.best_epoch])
        if self.film:
            state["film"] = np.stack(self.film)
        return state

    def restore(self, state: Mapping[str, Array]) -> None:
        """Go on where `state` was taken."""
        for arrays, word in ((self.arrays, "weights"), (self.best, "best")):
            for name, key, array in _each(arrays):
                array[...] = state[f"{word}/{name}/{key}"]
        for (name, key), optimizer in self.optimizers.items():
            for word, array in optimizer.state.items():
                array[...] = state[f"{word}/{name}/{key}"]
        self.history = [
            Epoch(int(row[0]), *(None if math.isnan(one) else float(one) for one in row[1:]))  # type: ignore[arg-type]
            for row in state["history"]
        ]
        self.steps, self.best_epoch = map(int, state["counts"])
        self.film = list(state["film"]) if self.film else []


class Found(NamedTuple):
    """What came of some pictures: a share of the mean loss and of its gradients, and how many were right."""

    loss: float
    right: int
    arrays: Arrays

    def plus(self, other: Found) -> Found:
        """Return both together."""
        for name, key, array in _each(self.arrays):
            array += other.arrays[name][key]
        return Found(self.loss + other.loss, self.right + other.right, self.arrays)


def gradients(network: Network, scores: str, examples: Examples, share: float = 1.0) -> Found:
    """Return the loss of some pictures, and how it changes with every weight: forth through all layers, and back.

    Parameters
    ----------
    network, scores
        The network, and the layer whose values are scores: softmax with cross-entropy is the loss.
    examples
        Pictures and their classes.
    share
        What part of a whole batch they are: loss and gradients are multiplied by it.
    """
    values: dict[str, Array] = {INPUT: examples.images}
    made: list[Layer] = []
    for layer in network.layers:
        values[layer.name] = layer.run([values[source] for source in layer.sources], 1)
        made.append(layer)
        if layer.name == scores:
            break
    logits = values[scores].reshape(len(examples.labels), -1)
    found = cross_entropy(logits, examples.labels)
    right = logits.argmax(axis=1) == examples.labels
    flows = {scores: (found.gradient * found.gradient.dtype.type(share)).reshape(values[scores].shape)}
    arrays: Arrays = {}
    for layer in reversed(made):
        if layer.name not in flows:  # nothing of the loss depends on it
            continue
        inputs = [values[source] for source in layer.sources]
        back = layer.back(inputs, values[layer.name], flows.pop(layer.name), first=set(layer.sources) == {INPUT})
        arrays[layer.name] = dict(back.arrays)
        for source, flow in zip(layer.sources, back.inputs, strict=True):
            flows[source] = flows[source] + flow if source in flows else flow
    return Found(found.loss * share, int(np.count_nonzero(right)), arrays)


def _with_own_arrays(layer: Layer) -> Layer:
    """Return a layer with copies of its arrays, which may be changed, in float32."""
    return layer.with_arrays({key: np.array(array, np.float32) for key, array in layer.arrays.items()})


#: Arrays that are found otherwise than by training: the statistics of batch norm.
_STATISTICS = ("mean", "variance")


def _trained(layer: Layer) -> dict[str, Array]:
    """Return the arrays of a layer that are trained."""
    return {key: array for key, array in layer.arrays.items() if key not in _STATISTICS}


def _copied(arrays: Arrays) -> Arrays:
    """Return copies of arrays."""
    return {name: {key: array.copy() for key, array in own.items()} for name, own in arrays.items()}


def _each(arrays: Arrays) -> Iterator[tuple[str, str, Array]]:
    """Yield each array with its layer and key."""
    for name, own in arrays.items():
        for key, array in own.items():
            yield name, key, array


def held_out(labels: Array, share: float, seed: int) -> tuple[Array, Array]:
    """Return which examples are learned from, and which are held out: of each class the same share, drawn by a seed.

    Parameters
    ----------
    labels
        The class of each.
    share
        From 0 to less than 1; of every class at least one is learned from.

    Raises
    ------
    ParameterError
        If the share is out of its range.

    Examples
    --------
    >>> seen, held = held_out(np.array([0, 0, 0, 0, 1, 1, 1, 1]), 0.25, 0)
    >>> len(seen), len(held)
    (6, 2)
    """
    if not 0 <= share < 1:
        raise ParameterError(f"hold-out is a share from 0 to less than 1, got {share:g}")
    draw = np.random.default_rng((seed, 0))
    held: list[Array] = []
    met = taken = 0
    for one in np.unique(labels):
        members = draw.permutation(np.flatnonzero(labels == one))
        met += len(members)
        count = min(math.ceil(share * met - 1e-9) - taken, len(members) - 1)
        taken += count
        held.append(members[:count])
    out = np.sort(np.concatenate(held)) if held else np.zeros(0, int)
    return np.setdiff1d(np.arange(len(labels)), out), out
