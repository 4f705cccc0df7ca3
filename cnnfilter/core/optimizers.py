"""What makes steps of gradients: descent with momentum, and Adam."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from cnnfilter.core.arrays import Array

#: Share of its last step that descent goes on with.
MOMENTUM = 0.9
#: Adam's decay of the mean gradient and of its square, and what keeps a division from 0.
MEAN, SQUARE, TINY = 0.9, 0.999, 1e-8


class Optimizer(Protocol):
    """Makes the steps of one array; `state` is what it remembers, and can be given back to another one."""

    state: dict[str, Array]

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype | type = float) -> None: ...

    def step(self, gradient: Array, count: int, rate: float) -> Array:
        """Return what is to be subtracted from the array, `count` steps having been made before."""
        ...


class Momentum:
    """Descent that goes on with a share of its last step: ``v = 0.9 v + g``, and a step of ``rate * v``.

    References
    ----------
    .. [1] B. T. Polyak, "Some methods of speeding up the convergence of iteration methods", 1964.

    Examples
    --------
    >>> descent = Momentum((1,))
    >>> descent.step(np.array([1.0]), 0, 0.1), descent.step(np.array([1.0]), 1, 0.1)
    (array([0.1]), array([0.19]))
    """

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype | type = float) -> None:
        self.state = {"velocity": np.zeros(shape, dtype)}

    def step(self, gradient: Array, count: int, rate: float) -> Array:
        """Return what is to be subtracted."""
        velocity = self.state["velocity"]
        velocity *= MOMENTUM
        velocity += gradient
        return rate * velocity


class Adam:
    """Steps of about the same size for every number, whatever the size of its gradient.

    Of the gradients a mean ``m`` and a mean of squares ``v`` are kept, each decaying; the step is
    ``rate * m / (sqrt(v) + 1e-8)``, both divided by what they would be of a gradient of 1 since the start.

    References
    ----------
    .. [1] D. P. Kingma and J. Ba, "Adam: a method for stochastic optimization", 2015, arXiv:1412.6980.

    Examples
    --------
    >>> Adam((1,)).step(np.array([1000.0]), 0, 0.1).round(6)
    array([0.1])
    """

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype | type = float) -> None:
        self.state = {"mean": np.zeros(shape, dtype), "square": np.zeros(shape, dtype)}

    def step(self, gradient: Array, count: int, rate: float) -> Array:
        """Return what is to be subtracted."""
        mean, square = self.state["mean"], self.state["square"]
        mean *= MEAN
        mean += (1 - MEAN) * gradient
        square *= SQUARE
        square += (1 - SQUARE) * gradient**2
        root = np.sqrt(square / (1 - SQUARE ** (count + 1))) + TINY
        step: Array = rate / (1 - MEAN ** (count + 1)) * mean / root
        return step


#: Each optimizer by the name that is typed, and the learning rate that it has unless another is given.
OPTIMIZERS: dict[str, tuple[type[Optimizer], float]] = {"adam": (Adam, 0.002), "sgd": (Momentum, 0.02)}
