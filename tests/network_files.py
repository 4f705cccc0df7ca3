"""Small networks for tests: entries and arrays to a file and what is loaded from it."""

import json

import numpy as np


def write_network(folder, entries, arrays=None, *, channels=1, size=None, name="net.json", **top):
    """Write a network file, and its arrays as ``weights.npz`` beside it; return its path."""
    given = {"channels": channels}
    if size is not None:
        given["size"] = list(size)
    document = {"input": given | top.pop("input", {}), "layers": entries, **top}
    if arrays:
        np.savez(folder / "weights.npz", **arrays)
        document.setdefault("weights", "weights.npz")
    path = folder / name
    path.write_text(json.dumps(document, indent=1))
    return path


def network_of(folder, entries, arrays=None, **options):
    """Return the network that these entries and arrays make."""
    from cnnfilter.networks import load_network

    return load_network(write_network(folder, entries, arrays, **options))
