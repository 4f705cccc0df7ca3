"""A network trained on pictures of known classes: what it begins with, what is written, and how it goes on later."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xxhash
from numpy.typing import ArrayLike

from cnnfilter.core.arrays import Array, real_array
from cnnfilter.core.optimizers import OPTIMIZERS
from cnnfilter.core.shapes import Pair
from cnnfilter.errors import CnnFilterError, ParameterError, ResourceError, ShapeError, lookup
from cnnfilter.files import bytes_text, quoted
from cnnfilter.library.document import Document, parse_document, read_document
from cnnfilter.networks.load import check_network
from cnnfilter.networks.model import ONNX_SUFFIX, FileModel
from cnnfilter.networks.spec import Network
from cnnfilter.networks.train import Epoch, Examples, Settings, Trainer, held_out
from cnnfilter.networks.write import TEXTBOOK, network_file, weights_file
from cnnfilter.run.dataset import Dataset, prepared, sizes_of

#: Sides of pictures up to which a network is made for their own size, and the size that larger or mixed ones get.
LARGEST, USUAL = 64, (32, 32)
#: The smallest side that can be halved twice.
LEAST = 4
#: What the network that is made here is called until it has a file.
NAMELESS = "network.yaml"
#: Bytes that training takes for each one of the pictures: they, and copies of a batch.
COPIES = 3


class Wanted(NamedTuple):
    """What is to be trained, and how.

    Attributes
    ----------
    start
        The network file that it begins with; nothing for the textbooks' network.
    settings
        How it is trained.
    hold_out
        The share of the pictures that it is judged by, and does not see.
    size
        Rows and columns of the network's input; None for those of the pictures.
    threads
        At most so many threads.
    """

    start: str | None = None
    settings: Settings = Settings()
    hold_out: float = 0.2
    size: Pair | None = None
    threads: int | None = None

    def check(self) -> None:
        """Raise for a number that means nothing."""
        chosen = self.settings
        lookup(OPTIMIZERS, chosen.optimizer, "optimizer")
        for name, value, least in (
            ("epochs", chosen.epochs, 1), ("batch size", chosen.batch_size, 1), ("patience", chosen.patience, 0),
            ("seed", chosen.seed, 0),
        ):  # fmt: skip
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ParameterError(f"{name} must be a whole number of at least {least}, got {value}")
        if not 0 < chosen.rate < float("inf"):
            raise ParameterError(f"learning rate must be a finite number above 0, got {chosen.rate:g}")
        if not 0 <= self.hold_out < 1:
            raise ParameterError(f"hold-out is a share from 0 to less than 1, got {self.hold_out:g}")
        if self.start is not None and self.start.lower().endswith(ONNX_SUFFIX):
            raise ParameterError(f"{quoted(self.start)}: is an ONNX model, and a network file is what can be trained")


class Training(NamedTuple):
    """A training that may begin, or go on.

    Attributes
    ----------
    trainer
        Makes the steps.
    document
        What the network was read from.
    mark
        What must be the same where it goes on: settings and pictures, by name.
    notes
        What was guessed.
    """

    trainer: Trainer
    document: Document
    mark: dict[str, Any]
    notes: tuple[str, ...]

    @property
    def network(self) -> Network:
        """The network with its best weights."""
        return self.trainer.best_network()

    @property
    def nameless(self) -> bool:
        """Whether no network file was given: it is called after the file that it gets, and began at random."""
        return self.document.path == NAMELESS


def begin(data: Dataset, wanted: Wanted, *, failed: Callable[[str, CnnFilterError], None]) -> Training:
    """Return a training whose pictures are read, and whose network is known to fit them.

    Raises
    ------
    ParameterError
        If there is only one class, a class without pictures, or a number that means nothing.
    ShapeError
        If a layer does not fit; it is named.
    ResourceError
        If the pictures take more memory than allowed.
    """
    wanted.check()
    if len(data.classes) < 2:
        only = next(iter(data.classes), "none")
        raise ParameterError(f"{quoted(data.name)}: all pictures are of one class, {only!r} (two are needed)")
    document, network, notes = _textbook(data, wanted) if wanted.start is None else _given(data, wanted)
    _check_memory(data, network)
    try:
        images, places = prepared(data, FileModel(network), failed=failed)
    except ShapeError as error:
        raise ShapeError(f"{quoted(data.name)} and {quoted(document.path)}: {error}") from error
    labels = _numbered(data, places, network.classes)
    _check_values(data, images)
    if wanted.start is None:
        network, images = _standardised(network, images)
    images = images.astype(np.float32, copy=False)
    seen, held = held_out(labels, wanted.hold_out, wanted.settings.seed)
    judge = Examples(images[held], labels[held]) if len(held) else None
    if wanted.hold_out and judge is None:
        notes.append("nothing is held out: no class has two pictures, so training is judged by what it learned from")
    if (images == images[:1]).all():
        notes.append("all pictures are the same: there is nothing to learn")
    try:
        trainer = Trainer(network, Examples(images[seen], labels[seen]), judge, wanted.settings, wanted.threads)
    except CnnFilterError as error:
        raise type(error)(f"{quoted(document.path)}: {error}") from error
    return Training(trainer, document, _mark(wanted, network, document, images, labels), (*data.notes, *notes))


#: Values beyond this are no pictures: their squares are no numbers of 32 bits any more.
_LARGEST_VALUE = 1e18


def _check_values(data: Dataset, images: Array) -> None:
    """Refuse pictures with values that nothing can be learned from."""
    bad = int(np.count_nonzero(~np.isfinite(images).all(axis=(1, 2, 3))))
    if bad:
        raise ParameterError(f"{quoted(data.name)}: {bad} picture{'s' * (bad > 1)} with NaN or infinite values")
    most = float(np.abs(images).max())
    if most > _LARGEST_VALUE:
        raise ParameterError(f"{quoted(data.name)}: values up to {most:.3g} are too large to learn from (scale them)")


def _draw(wanted: Wanted) -> np.random.Generator:
    """Return what draws the first weights."""
    return np.random.default_rng(wanted.settings.seed)


def _textbook(data: Dataset, wanted: Wanted) -> tuple[Document, Network, list[str]]:
    """Return the network that is trained unless another is given, for pictures, and what was guessed."""
    sizes = sizes_of(data)
    size, notes = wanted.size or sizes.size, []
    if wanted.size is None and (size is None or max(size) > LARGEST):
        size = USUAL
        what = "of several sizes" if sizes.size is None else f"{sizes.size[0]}x{sizes.size[1]}"
        notes.append(f"the pictures are {what}, and made {size[0]}x{size[1]} (--size takes another)")
    if not sizes.unit:
        notes.append("values are taken as they are stored: the network needs pictures of the same range")
    rows, columns = size or USUAL
    if min(rows, columns) < LEAST:
        raise ParameterError(
            f"{quoted(data.name)}: {rows}x{columns} is too small for the network that is made here, which halves it "
            f"twice (--size {LEAST}x{LEAST} or more, or a --network of your own)"
        )
    words = f"channels: {sizes.channels}, size: [{rows}, {columns}], range: {'unit' if sizes.unit else 'stored'}"
    text = f"input: {{{words}}}\n{TEXTBOOK % len(data.classes)}"
    document = parse_document(text.encode(), NAMELESS)
    network = check_network(document, Path(), draw=_draw(wanted))
    return document, replace(network, classes=data.classes, files=()), notes


def _given(data: Dataset, wanted: Wanted) -> tuple[Document, Network, list[str]]:
    """Return the network file that is to be trained; one of open size gets that of the pictures."""
    start = str(wanted.start)
    document = read_document(start)
    size = wanted.size or sizes_of(data).size
    network = check_network(document, Path(start).parent, draw=_draw(wanted), size=size)
    if network.input.size is None:
        raise ParameterError(f"{quoted(start)}: takes any size, and the pictures are of several (--size ROWSxCOLS)")
    if wanted.size is not None and network.input.size != wanted.size:
        own = "x".join(map(str, network.input.size))
        raise ParameterError(f"--size: the input of {quoted(start)} is {own} (leave it out, or change the file)")
    return document, _with_classes(network, data, start), []


def _with_classes(network: Network, data: Dataset, start: str) -> Network:
    """Return a network with the names of its classes, which must be those of the pictures."""
    if not network.classes:
        return replace(network, classes=data.classes)
    unknown = [name for name in data.classes if name not in network.classes]
    if unknown:
        raise ParameterError(
            f"{quoted(data.name)}: {unknown[0]!r} is no class of {quoted(start)}: {', '.join(network.classes[:12])}"
        )
    empty = [name for name in network.classes if name not in data.classes]
    if empty:
        raise ParameterError(f"{quoted(data.name)}: the class {empty[0]!r} of {quoted(start)} has no pictures")
    return network


def _numbered(data: Dataset, places: Array, classes: tuple[str, ...]) -> Array:
    """Return the classes of the pictures that were read as numbers; each class must have some."""
    number = {name: index for index, name in enumerate(classes)}
    labels = np.array([number[data.labels[place]] for place in places])
    missing = sorted(set(range(len(classes))) - set(labels.tolist()))
    if missing:
        raise ParameterError(f"{quoted(data.name)}: none of the pictures of {classes[missing[0]]!r} can be read")
    return labels


def _standardised(network: Network, images: Array) -> tuple[Network, Array]:
    """Return a network that takes mean and spread of its pictures off, and the pictures without them."""
    mean = images.mean(axis=(0, 2, 3), dtype=np.float64)
    spread = images.std(axis=(0, 2, 3), dtype=np.float64)
    means = tuple(float(f"{value:.6g}") for value in mean)
    spreads = tuple(float(f"{value:.6g}") or 1.0 for value in spread)
    shape = (1, -1, 1, 1)
    made = images - np.array(means, images.dtype).reshape(shape)
    made /= np.array(spreads, images.dtype).reshape(shape)
    return replace(network, input=replace(network.input, mean=means, std=spreads)), made


def _check_memory(data: Dataset, network: Network) -> None:
    """Refuse pictures that take more memory than allowed, before they are read."""
    rows, columns = network.input.size or (0, 0)
    limit = data.opening.max_memory
    need = COPIES * 4 * data.total * (network.input.channels or 1) * rows * columns
    if limit is not None and need > limit:
        raise ResourceError(
            f"{quoted(data.name)}: {data.total:,} pictures of {rows}x{columns} take {bytes_text(need)}, the limit is "
            f"{bytes_text(limit)} (--max-memory {need} raises it, a smaller --size takes less)"
        )


def _mark(wanted: Wanted, network: Network, document: Document, images: Array, labels: Array) -> dict[str, Any]:
    """Return what must be the same where a training goes on."""
    digest = xxhash.xxh3_128(np.ascontiguousarray(images).data)
    digest.update(np.ascontiguousarray(labels).data)
    start = weights_file(network) + network_file(network, document, "")
    chosen = wanted.settings
    return {
        "batch size": chosen.batch_size, "learning rate": chosen.rate, "optimizer": chosen.optimizer,
        "seed": chosen.seed, "hold-out": wanted.hold_out, "network": xxhash.xxh3_128(start).hexdigest(),
        "pictures": digest.hexdigest(),
    }  # fmt: skip


class Trained(NamedTuple):
    """A network that was trained, and the way there.

    Attributes
    ----------
    network
        With the best weights; `run_network` takes it.
    history
        The epochs.
    best_epoch
        The one whose weights were kept.
    filters
        Those of the first convolution before training and after each epoch: ``(epochs + 1, K, C/groups, kH, kW)``.
    """

    network: Network
    history: tuple[Epoch, ...]
    best_epoch: int
    filters: Array


def train_network(
    images: ArrayLike, labels: ArrayLike, *, network: str | None = None, epochs: int = 30, batch_size: int = 32,
    learning_rate: float | None = None, optimizer: str = "adam", seed: int = 0, hold_out: float = 0.2,
    patience: int = 10, threads: int | None = None,
) -> Trained:  # fmt: skip
    """Train a network on pictures of known classes.

    Parameters
    ----------
    images
        ``(N, H, W)`` or ``(N, C, H, W)``, with the stored values.
    labels
        ``(N,)``: whole numbers or names.
    network
        A network file to begin with; else two convolutions of 3x3 with ReLU and pooling, a dense layer and a softmax.
    epochs, batch_size, learning_rate, optimizer, seed, hold_out, patience
        As the flags of ``cnnfilter train``: adam takes steps of 0.002, sgd of 0.02 with a momentum of 0.9.
    threads
        At most this many; the result does not depend on it.

    Returns
    -------
    Trained
        The network with the weights that were best on the hold-out, and how it came to them.

    Raises
    ------
    ParameterError
        If labels do not match, all are of one class, a number means nothing, or the loss grows without bounds.
    ShapeError
        If the network does not fit the pictures; the layer is named.

    Notes
    -----
    The loss is softmax with cross-entropy, the mean over a batch; every weight moves against its gradient, which flows
    back from layer to layer. The same seed gives the same bits on one machine.

    References
    ----------
    .. [1] D. E. Rumelhart, G. E. Hinton and R. J. Williams, "Learning representations by back-propagating errors",
       Nature 323, 1986.

    Examples
    --------
    >>> draw = np.random.default_rng(0)
    >>> lines = np.zeros((60, 6, 6)); lines[:30, 2] = 1; lines[30:, :, 3] = 1
    >>> found = train_network(lines + draw.normal(size=lines.shape) / 10, ["flat"] * 30 + ["upright"] * 30, epochs=3)
    >>> found.network.classes, found.history[-1].held_accuracy
    (('flat', 'upright'), 1.0)
    """
    pictures = real_array(images, "images")
    pictures = pictures[:, None] if pictures.ndim == 3 else pictures
    named = tuple(map(str, np.asarray(labels).tolist()))
    if pictures.ndim != 4 or len(pictures) != len(named) or not pictures.size:
        raise ParameterError(
            f"images {pictures.shape} and {len(named)} labels: (N, H, W) or (N, C, H, W), a label each"
        )
    settings = Settings(epochs, batch_size, learning_rate, optimizer, seed, patience)
    wanted = Wanted(None if network is None else str(network), settings, hold_out, threads=threads)
    training = begin(Dataset("images", (), pictures, named), wanted, failed=lambda name, error: None)
    trainer = training.trainer
    while not trainer.finished:
        trainer.epoch()
    film = np.stack(trainer.film) if trainer.film else np.zeros(0)
    return Trained(training.network, tuple(trainer.history), trainer.best_epoch, film)
