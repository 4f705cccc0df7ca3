"""A still life on nothing: balls of wood, glass paste and orange peel, with a soft shadow, on a clear ground.

Each ball is seen straight from the front, so that a point of the picture gives the point of the ball by
Pythagoras, and its normal is where it lies. Light is Lambert's cosine and Blinn's highlight.
"""

from __future__ import annotations

import numpy as np
from landscape import FINER, noise, smooth

LIGHT = np.array([-0.48, -0.62, 0.62])


def lookup(texture, u, v):
    """Return the values of a texture at positions from -1 to 1."""
    size = len(texture)
    rows = ((v * 0.5 + 0.5) * (size - 1)).astype(int)
    return texture[rows, ((u * 0.5 + 0.5) * (size - 1)).astype(int)]


def beach(normal, _rng):
    """Return the colours of a striped ball: six fields that meet at a pole, with seams."""
    x, y, z = np.moveaxis(normal, -1, 0)
    turned = np.stack([x, 0.55 * y - 0.83 * z, 0.83 * y + 0.55 * z], -1)
    around = np.arctan2(turned[..., 2], turned[..., 0]) / (2 * np.pi) * 6 + 3.2
    fields = np.array(
        [
            [0.75, 0.06, 0.05],
            [0.92, 0.90, 0.84],
            [0.05, 0.20, 0.55],
            [0.92, 0.90, 0.84],
            [0.90, 0.55, 0.04],
            [0.92, 0.90, 0.84],
        ]
    )
    colour = fields[np.floor(around).astype(int) % 6]
    seam = np.abs(around - np.round(around)) * np.hypot(turned[..., 0], turned[..., 2])
    cap = np.abs(turned[..., 1]) > 0.955
    colour = np.where(cap[..., None], [0.05, 0.20, 0.55], colour)
    return colour * (0.55 + 0.45 * smooth(0.0, 0.022, seam))[..., None], normal


def wood(normal, rng):
    """Return the colours of turned wood: rings of a trunk that is cut aslant."""
    x, y, z = np.moveaxis(normal, -1, 0)
    wander = noise(rng, 512, 3, 3, 4, 0.5)
    rings = np.hypot(x * 1.1 + 0.35, (z * 0.45 + y * 0.25) + 0.9) * 11 + 0.55 * lookup(wander, x, y)
    ring = rings % 1
    fine = lookup(noise(rng, 512, 4, 120, 3, 0.7), x, y)
    tone = 0.72 + 0.38 * smooth(0.0, 0.75, ring) * smooth(1.0, 0.9, ring) + 0.10 * fine
    return np.array([0.50, 0.27, 0.12]) * tone[..., None], normal


def orange(normal, rng):
    """Return the colours of an orange, and its normals, bent by the pores of the peel."""
    x, y, _ = np.moveaxis(normal, -1, 0)
    pores = noise(rng, 512, 44, 44, 2, 0.6)
    bent = normal + 0.17 * np.stack(
        [lookup(np.gradient(pores, axis=1) * 8, x, y), lookup(np.gradient(pores, axis=0) * 8, x, y), 0 * x], -1
    )
    bent /= np.linalg.norm(bent, axis=-1, keepdims=True)
    stem = np.hypot(x + 0.12, (y + 0.80) * 1.9)
    colour = np.array([0.93, 0.38, 0.025]) * (1 + 0.10 * lookup(pores, x, y))[..., None]
    return np.where((stem < 0.075)[..., None], [0.10, 0.16, 0.04], colour), bent


BALLS = (  # x, y, radius, surface, how sharp its highlight is, how strong
    (0.645, 0.375, 0.245, beach, 90, 0.55),
    (0.270, 0.520, 0.205, wood, 22, 0.18),
    (0.555, 0.690, 0.150, orange, 30, 0.30),
)


def still_life(size, seed=2):
    """Return the picture in linear light, ``(size, size, 4)``, its colours not multiplied by alpha."""
    rng = np.random.default_rng(seed)
    fine = size * FINER
    steps = (np.arange(fine) + 0.5) / fine
    x, y = np.meshgrid(steps, steps)
    light = LIGHT / np.linalg.norm(LIGHT)
    half = light + np.array([0.0, 0.0, 1.0])
    half /= np.linalg.norm(half)
    premultiplied = np.zeros((fine, fine, 4))
    for ball_x, ball_y, radius, _, _, _ in BALLS:  # the shadows on the table, widest where the ball is far from it
        far = np.hypot((x - ball_x - 0.42 * radius) / 1.25, (y - ball_y - 0.93 * radius) / 0.36) / radius
        shade = 0.62 * smooth(1.15, 0.25, far)
        premultiplied[..., 3] = shade + premultiplied[..., 3] * (1 - shade)
    for index, (ball_x, ball_y, radius, surface, sharp, strong) in enumerate(BALLS):
        u, v = (x - ball_x) / radius, (y - ball_y) / radius
        inside = u * u + v * v < 1
        normal = np.stack([u, v, np.sqrt(np.maximum(1 - u * u - v * v, 0))], -1)[inside]
        colour, bent = surface(normal, rng)
        cosine = np.maximum(bent @ light, 0)
        sky = 0.20 + 0.14 * (0.5 - 0.5 * bent[:, 1])
        floor = 0.10 * smooth(0.1, 1.0, bent[:, 1])
        shaded = np.ones(inside.sum())
        for other_x, other_y, other_radius, *_ in BALLS[index + 1 :]:  # nearer balls darken what is close to them
            near = np.hypot(x - other_x - 0.02, y - other_y - 0.02)[inside] / other_radius
            shaded *= 0.35 + 0.65 * smooth(0.9, 1.45, near)
        shine = strong * np.maximum(bent @ half, 0) ** sharp
        rim = 0.12 * (1 - normal[:, 2]) ** 4
        lit = (
            colour * ((0.95 * cosine + sky) * shaded + floor)[:, None]
            + (shine * shaded)[:, None]
            + rim[:, None] * [0.8, 0.9, 1.0]
        )
        premultiplied[inside] = np.concatenate([lit, np.ones((len(lit), 1))], axis=1)
    blocks = premultiplied.reshape(size, FINER, size, FINER, 4).mean(axis=(1, 3))
    alpha = blocks[..., 3:]
    return np.concatenate([blocks[..., :3] / np.maximum(alpha, 1e-9), alpha], axis=-1)
