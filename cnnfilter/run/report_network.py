"""What a page of a network holds: each layer's maps as bytes, what they see of the picture, and the classes."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np

from cnnfilter.images.picture import Picture
from cnnfilter.images.resize import covered
from cnnfilter.images.tiles import picture_tile
from cnnfilter.images.write import encode_image
from cnnfilter.networks.results import LayerResult, NetworkResult, Score
from cnnfilter.networks.spec import Input
from cnnfilter.run.layer_pictures import drawable, floats, most_varying
from cnnfilter.run.network_page import SAME

#: Values of a layer that a page holds, maps of it that are drawn (of more, those that vary most), cells of a vector.
MOST_VALUES, MOST_MAPS, MOST_CELLS = 200_000, 32, 64
#: Classes that are listed.
MOST_CLASSES = 20


def network_data(result: NetworkResult, picture: Picture, expected: Input) -> tuple[dict[str, Any], bytes]:
    """Return what the page needs as plain values, and the picture as a PNG; `expected` is what the network takes."""
    shape = picture.height, picture.width
    size = expected.size_for(shape)
    part = covered(shape, size, "stretch" if size == shape else expected.resize)
    said = result.prediction
    layers = [
        _layer(layer, said.scores if layer.name == said.layer else ())
        for layer in result.layers
        if drawable(layer) and layer.kind.lower() not in SAME
    ]
    classes = [
        {"name": score.name, "share": score.probability, "place": score.position}
        for score in said.scores[:MOST_CLASSES]
    ]
    data = {
        "size": list(shape), "taken": list(size), "part": list(part), "layers": layers, "classes": classes,
        "last": said.layer,
    }  # fmt: skip
    return data, encode_image(picture_tile(picture), "png")


def _layer(layer: LayerResult, scores: Sequence[Score]) -> dict[str, Any]:
    """Return one layer: its facts and values, or those of the most telling maps; of classes those that are listed."""
    values = floats(layer)
    maps = values if values.ndim == 3 else values.reshape(-1, 1, 1)
    per_map = maps.shape[1] * maps.shape[2]
    most = MOST_MAPS if values.ndim == 3 and per_map > 1 else MOST_CELLS
    most = max(1, min(most, MOST_VALUES // max(per_map, 1)))
    if values.ndim == 3 and per_map > 1:
        order = sorted(most_varying(maps, most))
    else:
        first = dict.fromkeys([*(score.position for score in scores[:MOST_CLASSES]), *range(len(maps))])
        order = sorted(list(first)[:most])
    kept = np.ascontiguousarray(maps[order], "<f4")
    names = {score.position: score.name for score in scores}
    return {
        "name": layer.name, "kind": layer.kind, "shape": list(layer.shape), "maps": order,
        "names": [names.get(index, "") for index in order] if names else [],
        "size": list(maps.shape[1:]), "values": base64.b64encode(kept.tobytes()).decode(),
        "field": layer.field._asdict(),
    }  # fmt: skip
