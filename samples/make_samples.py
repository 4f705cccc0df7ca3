"""Make every file of this folder anew: ``python samples/make_samples.py [FOLDER]``.

Needs NumPy and Pillow, and about half a minute. The same versions of both make the same files.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from landscape import landscape
from PIL import Image
from stilllife import still_life

#: Rows of digits; spaces are only for the eye.
GRIDS = {
    "letter-6x6.csv": "001100 010010 100001 100001 010010 001100",
    "grid-5x5.csv": "11100 01110 00111 00110 01100",
    "smiley-7x7.csv": "0000000 0100010 0000000 0001000 0100010 0011100 0000000",
    "pool-4x4.csv": "1023 4668 3110 1224",
}
SCORES = (2.5, 1.8, 0.2)
LUMA = (0.2126, 0.7152, 0.0722)  # of linear light, ITU-R BT.709


def encoded(light):
    """Return linear light as sRGB values from 0 to 1 (IEC 61966-2-1)."""
    light = np.clip(light, 0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 1e-9) ** (1 / 2.4) - 0.055)


def whole(values, top=255):
    """Return values from 0 to 1 as whole numbers."""
    return np.rint(np.clip(values, 0, 1) * top).astype(np.uint8 if top == 255 else np.uint16)


def exposed(light):
    """Return light with its brightest parts held back, as film does."""
    light = np.maximum(light, 0)
    return 1.15 * light / (1 + 0.25 * light)


def zone_plate(size=384):
    """Return rings that become finer outwards, to two pixels a ring at the edge, and gray beyond."""
    along = np.arange(size) - (size - 1) / 2
    radius = np.hypot(*np.meshgrid(along, along))
    fade = np.clip((0.5 - radius / size) / 0.03, 0, 1)
    return 0.5 + 0.5 * np.cos(np.pi * radius**2 / size) * fade


def make(folder):
    """Write all samples into `folder`."""
    for name, rows in GRIDS.items():
        (folder / name).write_text("\n".join(",".join(row) for row in rows.split()) + "\n", encoding="ascii")
    (folder / "scores.csv").write_text(",".join(map(str, SCORES)) + "\n", encoding="ascii")
    light = landscape(512)
    gray = exposed(light) @ LUMA
    coarse = gray.reshape(256, 2, 256, 2).mean(axis=(1, 3))
    toy = still_life(400)
    toy[..., :3] = encoded(toy[..., :3])
    Image.fromarray(whole(zone_plate())).save(folder / "zone-plate.png", optimize=True)
    Image.fromarray(whole(encoded(gray))).save(folder / "scene.png", optimize=True)
    Image.fromarray(whole(encoded(exposed(light)))).save(folder / "scene.jpg", quality=88, optimize=True)
    Image.fromarray(whole(toy)).save(folder / "scene-color.png", optimize=True)
    Image.fromarray(whole(coarse, 65535)).save(folder / "scene-16bit.png", optimize=True)


if __name__ == "__main__":
    make(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent))
