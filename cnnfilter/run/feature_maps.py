"""What `run_network` returns: arrays by the names of layers, which a notebook shows as pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from cnnfilter.core.arrays import Array, real_array
from cnnfilter.networks.results import LayerResult, bare_layer


class FeatureMaps(dict[str, Array]):
    """Every layer's output by its name, in order.

    Parameters
    ----------
    outputs
        ``(C, H, W)`` or ``(n,)`` each, with N in front for a batch.
    network
        The network's name.
    batch
        How many pictures they are of; None for a single one, which has no axis for it.
    """

    def __init__(
        self, outputs: Mapping[str, Array] = MappingProxyType({}), network: str = "", batch: int | None = None
    ) -> None:
        super().__init__(outputs)
        self.network, self.batch = network, batch

    def copy(self) -> FeatureMaps:
        """Return the same arrays under the same names."""
        return FeatureMaps(self, self.network, self.batch)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (dict(self), self.network, self.batch)

    def _repr_html_(self) -> str:
        """Return what a notebook shows: each layer's shape, range, and the maps that vary most."""
        from cnnfilter.run.draw_maps import maps_html  # what draws is loaded where something is drawn

        return maps_html(self._title, self._layers())

    def _repr_png_(self) -> bytes:
        """Return what a notebook shows where it shows no HTML: the layers as columns."""
        from cnnfilter.run.draw_maps import maps_png

        return maps_png(self._title, self._layers())

    def _layers(self) -> Iterator[LayerResult]:
        """Yield each layer's facts and values: of a batch, those of its first picture."""
        for name, values in self.items() if self.batch != 0 else ():
            array = real_array(values, f"layer {name!r}")  # anything may have been put in
            yield bare_layer(name, array if self.batch is None else array[0])

    @property
    def _title(self) -> str:
        """What stands above: the network, and of which picture."""
        name = self.network or "feature maps"
        return name if self.batch is None else f"{name}, picture 0 of {self.batch}"
