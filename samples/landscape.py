"""A village by a lake in the evening, painted with arrays: edges, textures and gradients of many kinds.

Everything is a mask and a colour on a grid of points that is finer than the picture; the mean of each block of
points is a pixel, so that edges come out smooth. Coordinates go from 0 to 1, y downwards.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

FINER = 3


def smooth(low, high, value):
    """Return 0 below `low`, 1 above `high`, and a smooth step between them."""
    share = np.clip((value - low) / (high - low), 0, 1)
    return share * share * (3 - 2 * share)


def noise(rng, size, rows, columns, octaves=5, rough=0.5):
    """Return fractal noise between about -1 and 1: random grids, each finer and weaker than the one before."""
    total, weight = np.zeros((size, size), np.float32), 1.0
    for octave in range(octaves):
        grid = rng.normal(0, 0.5, (min(rows << octave, size), min(columns << octave, size))).astype(np.float32)
        total += weight * np.asarray(Image.fromarray(grid).resize((size, size), Image.Resampling.BICUBIC))
        weight *= rough
    return total


class Painting:
    """A canvas ``(n, n, 3)`` of linear light, and the coordinates of its points."""

    def __init__(self, size, seed):
        self.size = size * FINER
        self.rng = np.random.default_rng(seed)
        steps = (np.arange(self.size, dtype=np.float32) + 0.5) / self.size
        self.x, self.y = np.meshgrid(steps, steps)
        self.canvas = np.zeros((self.size, self.size, 3), np.float32)

    def paint(self, mask, colour, shade=1.0):
        """Lay a colour over the canvas where the mask is 1; `shade` makes it lighter or darker point by point."""
        mask = np.asarray(mask, np.float32)[..., None]
        colour = np.asarray(colour, np.float32) * np.broadcast_to(shade, mask.shape[:2])[..., None]
        self.canvas += mask * (colour - self.canvas)

    def texture(self, rows, columns, octaves=5, rough=0.5):
        """Return noise of the canvas's size."""
        return noise(self.rng, self.size, rows, columns, octaves, rough)

    def polygon(self, *corners):
        """Return 1 inside a convex polygon whose corners go round clockwise."""
        inside = np.ones((self.size, self.size), bool)
        for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1], strict=True):
            inside &= (x1 - x0) * (self.y - y0) - (y1 - y0) * (self.x - x0) >= 0
        return inside

    def box(self, left, top, right, bottom):
        """Return 1 inside a rectangle."""
        return (self.x >= left) & (self.x < right) & (self.y >= top) & (self.y < bottom)

    def disc(self, x, y, radius):
        """Return 1 inside a circle."""
        return np.hypot(self.x - x, self.y - y) < radius


def sky(art):
    """Paint the sky from blue to gold, the sun, and clouds that it lights from below."""
    height = smooth(0.0, 0.52, art.y)[..., None]
    art.canvas[:] = (1 - height) * np.array([0.07, 0.16, 0.42]) + height * np.array([0.95, 0.62, 0.36])
    sun = np.hypot(art.x - 0.655, art.y - 0.37)
    art.canvas += np.exp(-((sun / 0.16) ** 2))[..., None] * np.array([0.55, 0.35, 0.12])
    clouds = art.texture(9, 3, 6, 0.55) + 0.25 * np.sin(art.y * 42 + art.x * 3)
    cover = smooth(0.15, 1.0, clouds) * smooth(0.50, 0.30, art.y) * 0.8
    lit = smooth(0.05, 0.42, art.y)[..., None]
    art.canvas += cover[..., None] * (
        (1 - lit) * np.array([0.55, 0.58, 0.70]) + lit * np.array([1.3, 0.85, 0.55]) - art.canvas
    )
    art.paint(smooth(0.0415, 0.0385, sun), [2.2, 1.9, 1.2])


def ridge(art, base, heights, colour, snow):
    """Paint one range of mountains: a jagged line, slopes lit from the right, and snow on what is high."""
    peaks = sum(h * np.maximum(0, 1 - np.abs(art.x[0] - x) / w) for x, h, w in heights)
    rough = art.texture(10, 10, 6, 0.6)
    line = base - peaks - 0.018 * rough[art.size // 3] - 0.006 * rough[art.size // 2, ::-1]
    depth = art.y - line[None]
    fold = art.texture(5, 9, 6, 0.5)
    light = np.gradient(fold + 5 * line[None], axis=1) * art.size / 16
    mask = depth > 0
    art.paint(mask, colour, np.clip(1 - 0.45 * light + 0.1 * fold, 0.35, 2.1))
    white = mask & (depth < snow + 0.035 * fold) & (line[None] < base - 0.06)
    art.paint(white, [0.92, 0.80, 0.80], np.clip(1 - 0.5 * light, 0.35, 1.5))
    haze = smooth(base - 0.14, base + 0.02, art.y) * 0.55
    art.paint(mask * haze, [0.86, 0.60, 0.48])


def forest(art, base):
    """Paint a dark line of firs along the far shore."""
    for _ in range(260):
        x, tall = art.rng.uniform(-0.02, 1.02), art.rng.uniform(0.012, 0.034)
        left, right = int((x - 0.012) * art.size), int((x + 0.012) * art.size)
        columns = slice(max(left, 0), max(right, 0))
        up = (base + 0.006 - art.y[:, columns]) / tall
        across = np.abs(art.x[:, columns] - x) / 0.0085
        tiers = 1 - up + 0.16 * np.abs(((up * 4.5) % 1) - 0.5)
        mask = ((up > 0) & (across < tiers * 0.9))[..., None]
        shade = art.rng.uniform(0.6, 1.3) * np.array([0.035, 0.065, 0.055])
        art.canvas[:, columns] = np.where(mask, shade, art.canvas[:, columns])


def lake(art, top, bottom):
    """Mirror what lies above the shore, dimmed and torn into ripples that widen towards us."""
    rows = np.arange(int(top * art.size), int(bottom * art.size))
    depth = (rows / art.size - top)[:, None]
    ripple = art.texture(90, 6, 3, 0.6)[rows]
    shift = ((0.001 + 0.10 * depth) * ripple * art.size).astype(int)
    mirror = np.clip(2 * int(top * art.size) - rows[:, None] - 1 + 2 * shift, 0, art.size - 1)
    columns = np.clip(np.arange(art.size)[None] + shift, 0, art.size - 1)
    seen = art.canvas[mirror, columns]
    water = 0.72 * seen + 0.28 * np.array([0.05, 0.10, 0.17])
    glint = smooth(0.55, 1.1, ripple) * np.exp(-(((art.x[rows] - 0.655) / (0.035 + 0.6 * depth)) ** 2))
    art.canvas[rows] = water + glint[..., None] * np.array([1.1, 0.75, 0.4])


def meadow(art, top):
    """Paint the near bank: grass in tufts, a path of cobbles that narrows towards the door."""
    shore = top + 0.012 * np.sin(art.x * 9 + 1) + 0.006 * art.texture(4, 30, 4)
    near = np.clip((art.y - top) / (1 - top), 0, 1)
    blades = art.texture(60, 170, 3, 0.75)
    tufts = art.texture(9, 12, 5, 0.6)
    shade = np.clip(1 + 0.42 * blades * (0.35 + near) + 0.32 * tufts, 0.2, 2.2)
    art.paint(art.y > shore, [0.10, 0.17, 0.045], shade)
    art.paint(smooth(0.5, 1.4, tufts + 0.8 * blades) * (art.y > shore) * 0.6, [0.42, 0.38, 0.10], shade)
    middle = 0.268 + 0.42 * np.maximum(near - 0.42, 0) ** 1.4
    wide = 0.002 + 0.105 * near**1.4
    path = (np.abs(art.x - middle) < wide) & (art.y > 0.80)
    across, along = (art.x - middle) / wide, np.log(near + 0.12) * 17
    row = np.floor(along)
    stone = across * 4 + 0.5 * (row % 2)
    edge = np.minimum(np.abs(stone - np.round(stone)), np.abs(along - np.round(along)) * 0.8)
    which = np.sin(np.floor(stone + 0.5) * 12.9898 + row * 78.233) * 43758.5453
    tone = 0.75 + 0.5 * (which - np.floor(which))
    art.paint(path, [0.30, 0.26, 0.23], tone * (0.3 + 0.75 * smooth(0.03, 0.13, edge)) * (1 + 0.15 * blades))


def house(art):
    """Paint a brick house with a tiled roof, a door of planks and lit windows; the side wall is in shade."""
    grain = art.texture(60, 60, 4, 0.7)
    front, side = (
        art.box(0.16, 0.575, 0.365, 0.80),
        art.polygon((0.07, 0.585), (0.16, 0.575), (0.16, 0.80), (0.07, 0.775)),
    )
    for wall, lean, light in ((front, 0.0, 1.0), (side, -0.12, 0.42)):
        y = (art.y - 0.575 + lean * (art.x - 0.16)) / 0.0118
        row = np.floor(y)
        x = art.x / (0.026 if lean == 0 else 0.015) + 0.5 * (row % 2)
        mortar = (np.abs(y - np.round(y)) < 0.10) | (np.abs(x - np.round(x)) < 0.05)
        which = np.sin(np.floor(x) * 91.7 + row * 37.3) * 9871.3
        tone = 0.75 + 0.45 * (which - np.floor(which)) + 0.12 * grain
        art.paint(wall, [0.42, 0.15, 0.085], tone * light)
        art.paint(wall & mortar, [0.46, 0.38, 0.32], light)
    gable = art.polygon((0.16, 0.575), (0.2625, 0.435), (0.365, 0.575))
    art.paint(gable, [0.62, 0.50, 0.36], (1 + 0.10 * grain) * np.where((art.x * 58) % 1 < 0.10, 0.55, 1.0))
    art.paint(art.disc(0.2625, 0.525, 0.021), [0.14, 0.09, 0.06])
    art.paint(art.disc(0.2625, 0.525, 0.016), [1.0, 0.70, 0.28])
    roof = art.polygon((0.042, 0.598), (0.165, 0.432), (0.2625, 0.425), (0.153, 0.588))
    y = (art.y - 0.42) / 0.0155
    scale = np.abs(((art.x + 0.66 * art.y) / 0.0155 + 0.5 * (np.floor(y) % 2)) % 1 - 0.5)
    shade = (0.55 + 0.75 * (y % 1)) * (1.05 - 0.8 * scale**2)
    art.paint(roof, [0.21, 0.10, 0.085], shade * (1 + 0.2 * grain))
    for (x0, y0), (x1, y1) in (((0.2625, 0.423), (0.378, 0.588)), ((0.2625, 0.423), (0.147, 0.588))):
        width = 0.011
        board = art.polygon((x0, y0), (x1, y1), (x1, y1 + width * 1.6), (x0, y0 + width * 1.6))
        board |= art.polygon((x0, y0), (x0, y0 + width * 1.6), (x1, y1 + width * 1.6), (x1, y1))
        art.paint(board, [0.80, 0.74, 0.64], 1 + 0.06 * grain)
    art.paint(
        art.box(0.112, 0.40, 0.142, 0.505) & ~roof, [0.33, 0.13, 0.09], np.where((art.y * 90) % 1 < 0.15, 1.5, 1.0)
    )
    art.paint(art.box(0.107, 0.393, 0.147, 0.404), [0.30, 0.26, 0.24])
    window(art, 0.185, 0.615, 0.052, 0.066)
    window(art, 0.300, 0.615, 0.046, 0.066)
    art.paint(art.box(0.246, 0.648, 0.290, 0.80), [0.75, 0.69, 0.58])
    plank = np.where(((art.x - 0.246) * 110) % 1 < 0.12, 0.45, 1.0)
    art.paint(art.box(0.251, 0.654, 0.285, 0.80), [0.07, 0.16, 0.20], plank * (1 + 0.25 * grain))
    art.paint(art.disc(0.2785, 0.732, 0.0032), [1.1, 0.85, 0.4])
    art.paint(art.box(0.232, 0.795, 0.304, 0.806), [0.40, 0.38, 0.35])


def window(art, left, top, width, height):
    """Paint a lit window with its frame, its cross and its shutters."""
    for start in (left - 0.019, left + width + 0.003):
        slats = np.where((art.y * 150) % 1 < 0.35, 0.5, 1.0)
        art.paint(art.box(start, top, start + 0.016, top + height), [0.07, 0.17, 0.13], slats)
    art.paint(art.box(left - 0.003, top - 0.003, left + width + 0.003, top + height + 0.003), [0.78, 0.72, 0.62])
    glow = 1.15 - 4 * np.hypot(art.x - left - width * 0.4, art.y - top - height * 0.6)
    art.paint(art.box(left + 0.002, top + 0.002, left + width - 0.002, top + height - 0.002), [1.25, 0.80, 0.30], glow)
    art.paint(art.box(left, top + height * 0.48, left + width, top + height * 0.48 + 0.004), [0.70, 0.64, 0.55])
    art.paint(art.box(left + width / 2 - 0.002, top, left + width / 2 + 0.002, top + height), [0.70, 0.64, 0.55])


def smoke(art):
    """Let smoke rise from the chimney."""
    up = np.clip((0.40 - art.y) / 0.36, 0, 1)
    drift = 0.127 + 0.10 * up**1.5 + 0.012 * np.sin(up * 17)
    veil = np.exp(-(((art.x - drift) / (0.010 + 0.055 * up)) ** 2)) * smooth(0, 0.06, up) * smooth(1, 0.25, up)
    art.paint(np.clip(veil * (0.62 + 0.35 * art.texture(10, 10, 5, 0.6)), 0, 0.8), [0.70, 0.62, 0.62])


def tree(art):
    """Paint a tree on the right: bark with furrows, and a crown of many small leaves, lit from behind."""
    bark = art.texture(14, 150, 4, 0.7)
    lean = 0.865 + 0.010 * np.sin((1 - art.y) * 9)
    width = 0.017 + 0.030 * smooth(0.80, 0.94, art.y) + 0.008 * smooth(0.62, 0.45, art.y)
    trunk = (np.abs(art.x - lean) < width) & (art.y > 0.40) & (art.y < 0.93 + 0.03 * bark)
    art.paint(trunk, [0.17, 0.105, 0.065], np.clip(1.1 - 0.55 * (art.x - lean) / width + 0.5 * bark, 0.2, 2))
    gaps = art.texture(12, 12, 3, 0.6)
    for _ in range(6000):
        angle, far = art.rng.uniform(0, 2 * np.pi), art.rng.uniform() ** 0.55
        x, y = 0.872 + 0.165 * far * np.cos(angle), 0.355 + 0.185 * far * np.sin(angle)
        lump = np.sin(x * 31) * np.sin(y * 37 + 2)
        if gaps[int(y * art.size), min(int(x * art.size), art.size - 1)] < -0.75 and far > 0.3:
            continue
        radius = art.rng.uniform(0.0028, 0.0062)
        light = 0.55 + 0.5 * lump + 0.9 * smooth(0.87, 0.70, x) * smooth(0.50, 0.25, y) + art.rng.normal(0, 0.22)
        colour = np.array([0.10, 0.155, 0.035]) * max(light, 0.12) + np.array([0.10, 0.05, 0.0]) * (light > 1.2)
        leaf(art, x, y, radius, art.rng.uniform(0, np.pi), colour)


def leaf(art, x, y, radius, turn, colour):
    """Paint one small leaf, an ellipse, only where it lies."""
    left, top = max(int((x - radius) * art.size), 0), max(int((y - radius) * art.size), 0)
    part = (slice(top, int((y + radius) * art.size) + 1), slice(left, int((x + radius) * art.size) + 1))
    across, along = art.x[part] - x, art.y[part] - y
    u, v = across * np.cos(turn) + along * np.sin(turn), along * np.cos(turn) - across * np.sin(turn)
    mask = (u / radius) ** 2 + (v / (0.55 * radius)) ** 2 < 1
    art.canvas[part] = np.where(mask[..., None], colour * (1 + 25 * u[..., None]), art.canvas[part])


def fence(art):
    """Paint a white picket fence across the foreground, and its shadow."""
    for start in np.arange(0.43, 0.86, 0.0305):
        base, tall, wide = 0.868 + 0.05 * (start - 0.4), 0.090, 0.0065
        foot = art.polygon(
            (start - wide, base), (start + wide, base), (start - 0.055, base + 0.075), (start - 0.065, base + 0.07)
        )
        art.paint(foot * 0.55, [0.02, 0.035, 0.02])
        picket = art.box(start - wide, base - tall, start + wide, base)
        picket |= art.polygon((start - wide, base - tall), (start, base - tall - 0.014), (start + wide, base - tall))
        art.paint(picket, [0.80, 0.74, 0.66], np.clip(0.85 + 22 * (art.x - start), 0.6, 1.1))
    for offset in (0.024, 0.064):
        line = 0.868 + 0.05 * (art.x - 0.4) - offset
        rail = (np.abs(art.y - line) < 0.0048) & (art.x > 0.415) & (art.x < 0.865)
        art.paint(rail, [0.68, 0.62, 0.55], 1 - 30 * np.abs(art.y - line))


def birds(art):
    """Paint a few birds, which are two arcs each."""
    for x, y, span in ((0.47, 0.13, 0.022), (0.53, 0.155, 0.016), (0.43, 0.175, 0.014), (0.575, 0.12, 0.012)):
        across = (art.x - x) / span
        wing = y - span * 0.42 * np.abs(np.sin(np.pi * across)) * (1 - 0.3 * np.abs(across))
        art.paint((np.abs(art.y - wing) < 0.0016) & (np.abs(across) < 1), [0.05, 0.05, 0.07])


def landscape(size, seed=1):
    """Return the picture in linear light, ``(size, size, 3)`` float32, about 0 to 1."""
    art = Painting(size, seed)
    sky(art)
    birds(art)
    ridge(art, 0.50, ((0.30, 0.20, 0.27), (0.62, 0.10, 0.20), (0.93, 0.22, 0.30)), [0.36, 0.30, 0.42], 0.075)
    ridge(art, 0.515, ((0.10, 0.10, 0.30), (0.50, 0.045, 0.22), (0.80, 0.085, 0.25)), [0.19, 0.17, 0.25], 0.0)
    forest(art, 0.515)
    lake(art, 0.52, 0.68)
    meadow(art, 0.655)
    house(art)
    smoke(art)
    tree(art)
    fence(art)
    blocks = art.canvas.reshape(size, FINER, size, FINER, 3)
    return blocks.mean(axis=(1, 3))
