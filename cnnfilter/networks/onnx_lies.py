"""How a tensor of an ONNX graph lies over the picture: what its values see, and which axes carry rows and columns."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from cnnfilter.core.arrays import Array
from cnnfilter.core.receptive import EVERYTHING, UNKNOWN, ReceptiveField, joined
from cnnfilter.core.shapes import Pair
from cnnfilter.library.onnx_arrays import Held


class Lie(NamedTuple):
    """How a tensor lies over the picture.

    Attributes
    ----------
    field
        What a value sees. Without a jump all values see the same, or each its own, unevenly.
    axes
        The axes of rows and columns, the batch's axis included; None where values have no place.
    whole
        What all values together see, where each sees its own: those of maps that were laid in a row.
    cut
        Whether it is a part of maps: padding around it hides cells that are there.
    """

    field: ReceptiveField
    axes: Pair | None = None
    whole: ReceptiveField = UNKNOWN
    cut: bool = False

    def told(self, rank: int) -> ReceptiveField:
        """Return what is said of a tensor of so many axes: places alone where rows and columns are the last ones."""
        if self.axes in (None, (rank - 2, rank - 1)):
            return self.field
        return self.field._replace(jump=None, even=False)


#: Of what nothing is known.
NOWHERE = Lie(UNKNOWN)


class Around(NamedTuple):
    """What is known of the tensors around a node.

    Attributes
    ----------
    shapes
        All shapes, the batch's axis included; sides that are not known are below 1.
    held
        The stored arrays.
    picture
        Rows and columns of the input.
    opset
        The version of ONNX's operators.
    """

    shapes: Mapping[str, tuple[int, ...]]
    held: Mapping[str, Held]
    picture: Pair
    opset: int

    def values(self, name: str) -> list[int] | None:
        """Return the whole numbers that a model holds under a name, or None where they are computed."""
        import onnx

        held = self.held.get(name)
        if held is None or held.filled or held.tensor.data_location == onnx.TensorProto.EXTERNAL:
            return None
        array: Array = onnx.numpy_helper.to_array(held.tensor)
        return [int(value) for value in np.ravel(array)]

    def shape(self, name: str) -> tuple[int, ...]:
        """Return a tensor's shape, or raise a LookupError where a side is not known."""
        shape = self.shapes[name]
        if min(shape, default=1) < 1:
            raise LookupError(name)
        return shape

    def covers(self, field: ReceptiveField) -> bool:
        """Say whether a field that stands still is the whole picture."""
        if field.size is None:
            return True
        ends = zip(field.begin, field.size, self.picture, strict=True)
        return field.known and all(begin <= 0 and begin + size >= side for begin, size, side in ends)


class Node(NamedTuple):
    """A node, its attributes, how what is computed of its inputs lies, and what is around it."""

    proto: Any
    said: dict[str, Any]
    lies: dict[str, Lie]
    around: Around

    @property
    def first(self) -> Lie:
        """How the first input lies, which must be the only one that is computed of the picture."""
        if [*self.lies] != [self.proto.input[0]]:
            raise LookupError("another input is computed too")
        return self.lies[self.proto.input[0]]

    @property
    def taken(self) -> tuple[int, ...]:
        """The shape of the first input."""
        return self.around.shape(self.proto.input[0])

    @property
    def given(self) -> tuple[int, ...]:
        """The shape of the first output."""
        return self.around.shape(self.proto.output[0])

    def numbers(self, key: str, place: int) -> list[int] | None:
        """Return whole numbers that stand in an attribute, or in an input of later opsets."""
        if key in self.said:
            return list(self.said[key])
        return self.around.values(self.proto.input[place]) if len(self.proto.input) > place else None

    def has(self, place: int) -> bool:
        """Say whether there is an input at a place."""
        return len(self.proto.input) > place and bool(self.proto.input[place])


def attributes(node: Any) -> dict[str, Any]:
    """Return a node's attributes that are whole numbers, lists of them, or words."""
    return {
        one.name: list(one.ints) if one.ints else one.s.decode("utf-8", "replace") if one.s else one.i
        for one in node.attribute
    }


def standing(lie: Lie, shape: Sequence[int], axes: Collection[int]) -> Lie:
    """Return how values lie that are made of all along some axes: unchanged, of everything, or not known."""
    if lie.axes is None:
        return lie if lie.whole is UNKNOWN else _of_a_row(lie, shape, axes)
    wide = [axis for axis in lie.axes if shape[axis] > 1]
    if not set(wide) & set(axes):
        return lie
    if not set(wide) <= set(axes):
        return NOWHERE  # along rows alone, or columns
    return Lie(all_of(lie, shape))


def all_of(lie: Lie, shape: Sequence[int]) -> ReceptiveField:
    """Return what all values of maps see together."""
    rows, columns = lie.axes or (0, 0)
    return lie.field.slid((shape[rows], shape[columns]), None)


def _of_a_row(lie: Lie, shape: Sequence[int], axes: Collection[int]) -> Lie:
    """Return how what is made of a whole row of values lies, if that is all there is."""
    rest = [side for axis, side in enumerate(shape) if axis not in axes]
    return Lie(lie.whole) if math.prod(rest) == 1 else NOWHERE


def beside(lies: Sequence[Lie], around: Around) -> Lie:
    """Return how values lie that are made of values of several tensors, each at the same place."""
    if any(lie.field.size is None for lie in lies):
        return Lie(EVERYTHING)
    moving = [lie for lie in lies if lie.axes is not None]
    still = [lie for lie in lies if lie.axes is None]
    if len(lies) == 1:
        return lies[0]
    if any(lie.whole is not UNKNOWN for lie in lies):
        return NOWHERE  # nothing says that they lie in one order
    if moving and still:
        return Lie(EVERYTHING) if any(around.covers(lie.field) for lie in still) else NOWHERE
    if len({lie.axes for lie in lies}) > 1:
        return NOWHERE
    return Lie(joined([lie.field for lie in lies]), lies[0].axes, cut=any(lie.cut for lie in lies))


def stilled(lie: Lie, shape: Sequence[int]) -> Lie:
    """Return maps of one cell as values that stand still."""
    if lie.axes is None or any(shape[axis] > 1 for axis in lie.axes):
        return lie
    return Lie(lie.field._replace(jump=None))
