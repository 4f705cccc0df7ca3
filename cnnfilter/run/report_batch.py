"""What a page about a batch holds: a row for each input, with small pictures of its outputs and their statistics."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cnnfilter.errors import CnnFilterError, ImageError
from cnnfilter.files import quoted
from cnnfilter.images.read import open_picture
from cnnfilter.images.resize import resize
from cnnfilter.images.sniff import promised
from cnnfilter.images.tiles import picture_tile
from cnnfilter.images.write import encode_image

#: What a batch leaves beside its outputs.
MANIFEST = "manifest.jsonl"
#: Inputs that a page lists, outputs of each that it shows, and their longest side in pixels.
MOST_ROWS, MOST_PICTURES, SIDE = 400, 8, 96


def batch_data(folder: str) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Return the rows of a page, and how many inputs of each state there are.

    Raises
    ------
    ImageError
        If the folder holds no manifest that can be read.
    """
    path = Path(folder) / MANIFEST
    rows: list[dict[str, Any]] = []
    states: dict[str, int] = {}
    try:
        for record in _records(path):
            state = str(record.get("state", ""))
            states[state] = states.get(state, 0) + 1
            if len(rows) < MOST_ROWS:
                rows.append(_row(record, Path(folder)))
    except FileNotFoundError:
        raise ImageError(f"{quoted(folder)}: no batch wrote this folder: it has no {MANIFEST}") from None
    except (OSError, ValueError, AttributeError) as error:
        raise ImageError(f"{quoted(path)}: is no manifest of a batch: {error}") from error
    if not rows:
        raise ImageError(f"{quoted(path)}: is empty: the batch has done nothing yet")
    return rows, states


def _records(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the lines of a manifest."""
    with path.open(encoding="utf-8", errors="surrogateescape") as lines:
        for line in lines:
            yield json.loads(line)


def _row(record: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return one input: its name, state, maps, and pictures of its outputs."""
    outputs = [one["path"] for one in record.get("outputs", ()) if promised(str(one.get("path", "")))]
    maps = [
        {"name": str(one.get("kernel", one.get("layer", ""))), "min": one.get("min"), "max": one.get("max"),
         "mean": one.get("mean")} for one in record.get("maps", ())
    ]  # fmt: skip
    pictures = [made for path in outputs[:MOST_PICTURES] if (made := _thumbnail(folder / path))]
    reason = str(record.get("reason", "") or "; ".join(map(str, record.get("notes", ()))))
    return {
        "input": str(record.get("input", "")), "state": str(record.get("state", "")), "reason": reason, "maps": maps,
        "pictures": [{"name": name, "uri": uri} for name, uri in pictures], "more": len(outputs) - len(pictures),
    }  # fmt: skip


def _thumbnail(path: Path) -> tuple[str, str] | None:
    """Return an output's name, and a small picture of it as an address; None where it is gone."""
    try:
        picture = open_picture(path)
        tile = picture_tile(picture)
    except CnnFilterError:
        return None
    height, width = tile.shape[:2]
    scale = min(1.0, SIDE / max(height, width))
    size = max(round(height * scale), 1), max(round(width * scale), 1)
    small = resize(tile.transpose(2, 0, 1), size).transpose(1, 2, 0) if scale < 1 else tile
    data = encode_image(small.round().astype("uint8"), "png")
    return path.name, f"data:image/png;base64,{base64.b64encode(data).decode()}"
