"""An ONNX graph under construction: nodes, constants, names."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnnfilter.core.rows import source_position
from cnnfilter.core.shapes import Border, Pads, Pair

#: The version of ONNX's operators that is written: the first with Gelu.
OPSET = 20
#: The version of the file format, which ONNX Runtime 1.17 and later reads.
IR_VERSION = 9


class Graph:
    """Collects nodes in order.

    Parameters
    ----------
    onnx
        The module.
    dtype
        The type of all numbers.
    """

    def __init__(self, onnx: Any, dtype: str = "float32") -> None:
        self.onnx, self.dtype = onnx, np.dtype(dtype)
        self.nodes: list[Any] = []
        self.arrays: list[Any] = []
        self._count = 0

    def constant(self, values: Any, name: str = "") -> str:
        """Store an array; numbers with a point take the graph's type, whole ones stay int64."""
        array = np.asarray(values)
        array = array.astype(np.int64 if array.dtype.kind in "iu" else self.dtype)
        name = name or self._fresh("constant")
        self.arrays.append(self.onnx.numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), name))
        return name

    def node(self, kind: str, inputs: list[str], out: str = "", **attributes: Any) -> str:
        """Add a node and return the name of what it computes."""
        out = out or self._fresh(kind.lower())
        self.nodes.append(self.onnx.helper.make_node(kind, inputs, [out], name=f"{out}/{kind}", **attributes))
        return out

    def split(self, taken: str, axis: int) -> tuple[str, str]:
        """Halve a tensor along an axis."""
        first, second = self._fresh("half"), self._fresh("half")
        self.nodes.append(
            self.onnx.helper.make_node(
                "Split", [taken], [first, second], name=f"{first}/Split", axis=axis, num_outputs=2
            )
        )
        return first, second

    def border(self, taken: str, border: Border, pads: Pads, size: Pair, out: str = "") -> str:
        """Put a border around maps of a size: a constant one by padding, others by gathering rows and columns again."""
        if border.mode in ("zeros", "constant"):
            amounts = self.constant([0, 0, pads.top, pads.left, 0, 0, pads.bottom, pads.right])
            return self.node("Pad", [taken, amounts, self.constant(border.value)], out)
        down, across = (
            self.constant([source_position(place, length, border.mode) for place in range(-before, length + after)])
            for length, before, after in ((size[0], pads.top, pads.bottom), (size[1], pads.left, pads.right))
        )
        return self.node("Gather", [self.node("Gather", [taken, down], axis=2), across], out, axis=3)

    def _fresh(self, base: str) -> str:
        """Return a name that no layer can have: layers' names hold no slash."""
        self._count += 1
        return f"{base}/{self._count}"

    def model(self, name: str, feed: tuple[str, tuple[Any, ...]], out: tuple[str, tuple[Any, ...]]) -> Any:
        """Return the whole as a model of one input and one output; a side that is text stays open."""
        helper = self.onnx.helper
        kind = helper.np_dtype_to_tensor_dtype(self.dtype)
        graph = helper.make_graph(
            self.nodes, name or "network", [helper.make_tensor_value_info(feed[0], kind, feed[1])],
            [helper.make_tensor_value_info(out[0], kind, out[1])], self.arrays,
        )  # fmt: skip
        return helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="cnnfilter"
        )
