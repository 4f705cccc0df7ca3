"""Measure the digits network against its targets: ``python tests/benchmarks/network.py``."""

import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # our threads ask that of BLAS anyway; PyTorch keeps its own

import numpy as np
from measure import Row, commands_in_turns, in_turns

DIGITS = Path(__file__).parents[2] / "samples" / "digits"
#: Pictures in the batch.
COUNT = 10_000


def batch_row(seconds: float = 3.0) -> Row:
    """Return the time of a batch of digits through our engine, every layer kept, and through PyTorch."""
    import torch
    from torch.nn import functional

    from cnnfilter.networks import load_network, run_layers

    network = load_network(DIGITS / "digits.yaml")
    images = np.resize(np.load(DIGITS / "test-digits.npz")["images"], (COUNT, 1, 8, 8)).astype(np.float32) / 255
    stored = np.load(DIGITS / "digits.npz")
    weights = {name: torch.from_numpy(stored[name]) for name in stored}
    batch = torch.from_numpy(images)

    def theirs() -> torch.Tensor:
        with torch.inference_mode():
            x = batch
            for layer in ("conv1", "conv2"):
                x = functional.conv2d(x, weights[f"{layer}.weight"], weights[f"{layer}.bias"], padding=1)
                x = functional.max_pool2d(functional.relu(x), 2)
            return functional.softmax(
                functional.linear(x.flatten(1), weights["dense.weight"], weights["dense.bias"]), 1
            )

    threads = torch.get_num_threads()
    ours, other = in_turns(lambda: run_layers(network, images, threads=threads), theirs, threads, seconds)
    return Row(f"{COUNT} digits, every layer kept", "PyTorch", threads, 3.0, ours, other)


def start_row(seconds: float = 10.0) -> Row:
    """Return the time of one picture through the program, start-up included, and of importing NumPy."""
    program = [sys.executable, "-m", "cnnfilter", "run", str(DIGITS / "digits.yaml"), str(DIGITS / "digit-7.png")]
    with tempfile.TemporaryDirectory() as cache:
        ours, theirs = commands_in_turns(program, [sys.executable, "-c", "import numpy"], seconds, cache)
    return Row("run: load the digits, classify one", "python -c 'import numpy'", 1, 2.5, ours, theirs)


if __name__ == "__main__":
    for row in (start_row(), batch_row()):
        print(row.line(), flush=True)
