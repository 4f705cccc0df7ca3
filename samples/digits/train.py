"""Train the digits network: scikit-learn's 8x8 digits in, weights, test digits and sample pictures out.

Run from the root of a checkout, with PyTorch and scikit-learn beside cnnfilter::

    pip install torch scikit-learn
    python samples/digits/train.py

Seeded: on one machine, and with one version of PyTorch, it makes the same weights every time. It takes about half a
minute. The data: E. Alpaydin and C. Kaynak, "Optical recognition of handwritten digits", UCI Machine Learning
Repository, 1998 (CC BY 4.0), the 1797 digits that scikit-learn ships as ``load_digits``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional

import cnnfilter

HERE = Path(__file__).parent
SEED, EPOCHS, BATCH = 7, 60, 64
TEST_DIGITS = 360


class Digits(nn.Module):
    """What digits.yaml describes, in PyTorch."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.dense = nn.Linear(32 * 2 * 2, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the scores ``(N, 10)`` of digits ``(N, 1, 8, 8)`` in 0..1."""
        x = functional.max_pool2d(functional.relu(self.conv1(x)), 2)
        x = functional.max_pool2d(functional.relu(self.conv2(x)), 2)
        x = functional.dropout(x.flatten(1), 0.25, self.training)
        return self.dense(x)


def split() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return training digits and labels, test digits and labels; values as a picture stores them, 0 to 255."""
    data = load_digits()
    pixels = np.rint(data.images * (255 / 16)).astype(np.uint8)
    order = np.random.default_rng(SEED).permutation(len(pixels))
    test, train = order[:TEST_DIGITS], order[TEST_DIGITS:]
    return pixels[train], data.target[train], pixels[test], data.target[test]


def shifted(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Move each digit by up to one pixel, so that the network learns shapes rather than places."""
    wide = functional.pad(images, (1, 1, 1, 1))
    moves = torch.randint(0, 3, (len(images), 2), generator=generator).tolist()
    return torch.stack([wide[i, :, r : r + 8, c : c + 8] for i, (r, c) in enumerate(moves)])


def train(pixels: np.ndarray, labels: np.ndarray) -> Digits:
    """Return the trained network."""
    torch.manual_seed(SEED)
    generator = torch.Generator().manual_seed(SEED)
    images = torch.from_numpy(pixels.astype(np.float32) / 255)[:, None]
    targets = torch.from_numpy(labels)
    model = Digits()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
    for _ in range(EPOCHS):
        for part in torch.randperm(len(images), generator=generator).split(BATCH):
            loss = functional.cross_entropy(model(shifted(images[part], generator)), targets[part])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        schedule.step()
    return model.eval()


def main() -> None:
    """Train, measure, and write everything beside this script."""
    torch.set_num_threads(1)  # one order of additions
    pixels, labels, test_pixels, test_labels = split()
    model = train(pixels, labels)
    with torch.no_grad():
        scores = model(torch.from_numpy(test_pixels.astype(np.float32) / 255)[:, None])
    right = scores.argmax(1).numpy() == test_labels
    np.savez(HERE / "digits.npz", **{name: array.numpy() for name, array in model.state_dict().items()})
    np.savez_compressed(HERE / "test-digits.npz", images=test_pixels, labels=test_labels.astype(np.uint8))
    for digit in range(10):
        first = int(np.flatnonzero((test_labels == digit) & right)[0])
        cnnfilter.write_image(HERE / f"digit-{digit}.png", test_pixels[first], display="clip")
    print(f"{int(right.sum())} of {len(right)} test digits right: {100 * right.mean():.2f} %")  # noqa: T201


if __name__ == "__main__":
    main()
