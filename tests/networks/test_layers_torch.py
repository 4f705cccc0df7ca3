"""Gates, norms, sizes, parts and borders of maps: random cases of each, values and gradients, equal to PyTorch's."""

import random

import numpy as np
import pytest
from network_files import network_of

torch = pytest.importorskip("torch")
F = torch.nn.functional

CASES = 60


class Draw:
    """Random choices and numbers of one case."""

    def __init__(self, kind, number):
        self.chance = random.Random(f"{kind}-{number}")
        self.numbers = np.random.default_rng(self.chance.randrange(1 << 30))

    def count(self, low, high):
        return self.chance.randint(low, high)

    def one(self, *of):
        return self.chance.choice(of)

    def array(self, *shape):
        return self.numbers.normal(size=shape).round(3)

    def maps(self, channels=None):
        return self.array(2, channels or self.count(1, 6), self.count(1, 9), self.count(1, 9))


def multiply(draw):
    maps = draw.maps()
    other = draw.one(maps.shape, (*maps.shape[:2], 1, 1), maps.shape[:2], (2, 1, *maps.shape[2:]))
    inputs = [maps, draw.array(*other), *([draw.array(*maps.shape)] if draw.one(True, False) else [])]
    draw.chance.shuffle(inputs)

    def theirs(*values, **_):
        product = 1
        for one in values:
            product = product * (one if one.ndim == 4 else one[:, :, None, None])
        return product

    return {"from": ["input", "input"]}, inputs, {}, theirs


def multiply_vectors(draw):
    shape = 2, draw.count(1, 9)
    return {"from": ["input", "input"]}, [draw.array(*shape), draw.array(*shape)], {}, lambda a, b: a * b


def resize(draw):
    mode = draw.one("nearest", "linear", "cubic")
    entry = {"mode": mode} if mode != "nearest" or draw.one(True, False) else {}
    words = {"mode": {"nearest": "nearest", "linear": "bilinear", "cubic": "bicubic"}[mode]}
    if mode != "nearest":
        words["align_corners"] = entry["align_corners"] = draw.one(True, False)
    maps = draw.maps()
    if draw.one(True, False):
        words["size"] = entry["size"] = [draw.count(1, 20), draw.count(1, 20)]
    else:  # numbers that are exact in binary: of others PyTorch takes the float, and may lose a row
        scales = [
            draw.one(1.0, 1.25, 1.5, 2.0, 2.75, 3.0, *([0.5, 0.25] if side > 3 else [])) for side in maps.shape[2:]
        ]
        words["scale_factor"] = entry["scale"] = scales
        left = [int(side * scale) for side, scale in zip(maps.shape[2:], scales, strict=True)]
        if any(out in (side, 2 * side) for out, side in zip(left, maps.shape[2:], strict=True)):
            words["recompute_scale_factor"] = True  # PyTorch does so by itself then, on some ways
            del entry["scale"]
            entry["size"] = left
    return entry, [maps], {}, lambda x: F.interpolate(x, **words)


def layer_norm(draw):
    over = draw.one("cell", "image")
    maps = draw.maps(draw.count(3, 6)) if draw.one(True, True, False) else draw.array(2, draw.count(3, 9))
    shape = maps.shape[1:] if over == "image" else maps.shape[1:2]
    arrays = {key: draw.array(*shape) for key in ("weights", "bias") if draw.one(True, False)}
    epsilon = draw.one(1e-5, 0.1)

    def theirs(x, weights=None, bias=None):
        if over == "cell" and x.ndim == 4:
            return F.layer_norm(x.permute(0, 2, 3, 1), shape, weights, bias, epsilon).permute(0, 3, 1, 2)
        return F.layer_norm(x, shape, weights, bias, epsilon)

    return {"over": over, "epsilon": epsilon}, [maps], arrays, theirs


def group_norm(draw):
    groups = draw.count(1, 4)
    channels = groups * draw.count(3, 5)  # of two values each is 1 or -1, and gradients cancel to roundings
    maps = draw.maps(channels) if draw.one(True, True, False) else draw.array(2, channels)
    arrays = {key: draw.array(maps.shape[1]) for key in ("weights", "bias") if draw.one(True, False)}
    epsilon, spread = draw.one(1e-5, 0.1), (-1, *(1,) * (maps.ndim - 2))

    def theirs(x, weights=None, bias=None):
        made = F.group_norm(x, groups, eps=epsilon)
        made = made if weights is None else made * weights.reshape(spread)
        return made if bias is None else made + bias.reshape(spread)

    return {"groups": groups, "epsilon": epsilon}, [maps], arrays, theirs


def slices(draw):
    maps = draw.maps() if draw.one(True, True, False) else draw.array(2, draw.count(1, 9))
    entry, where = {}, [slice(None)]
    for key, side in zip(("channels", "rows", "columns"), maps.shape[1:], strict=False):
        start, step = draw.count(0, side - 1), draw.count(1, 3)
        stop = draw.count(start + 1, side + 2)
        text = draw.one(f"{start}:{stop}:{step}", f"{start - side}:{stop}", f"{start}:", f":{stop}", f" ::{step} ")
        if key == "channels" or draw.one(True, False):
            entry[key] = text
            first, last, *by = (int(part) if part.strip() else None for part in text.split(":"))
            where.append(slice(first, last, *by))
        else:
            where.append(slice(None))
    return entry, [maps], {}, lambda x: x[tuple(where)]


def depth_to_space(draw):
    block, mode = draw.count(1, 3), draw.one("CRD", "DCR", None)
    maps = draw.maps(block**2 * draw.count(1, 3))

    def theirs(x):
        if mode != "DCR":
            return F.pixel_shuffle(x, block)
        count, channels, height, width = x.shape  # as ONNX writes it down
        blocks = x.reshape(count, block, block, channels // block**2, height, width).permute(0, 3, 4, 1, 5, 2)
        return blocks.reshape(count, channels // block**2, height * block, width * block)

    return {"block_size": block, **({"mode": mode} if mode else {})}, [maps], {}, theirs


def pad(draw):
    mode = draw.one(None, "zeros", "constant:-1.5", "reflect", "replicate", "circular")
    maps = draw.array(2, 3, draw.count(4, 7), draw.count(4, 7))
    top, bottom, left, right = (draw.count(0, 3) for _ in range(4))
    name, _, value = (mode or "zeros").partition(":")
    words = {"mode": "constant", "value": float(value or 0)} if name in ("zeros", "constant") else {"mode": name}
    return (
        {"padding": draw.one([[top, bottom], [left, right]], f"{top},{bottom},{left},{right}"),
         **({"padding_mode": mode} if mode else {})},
        [maps], {}, lambda x: F.pad(x, (left, right, top, bottom), **words),
    )  # fmt: skip


KINDS = {
    "multiply": multiply, "multiply of vectors": multiply_vectors, "resize": resize, "layer-norm": layer_norm,
    "group-norm": group_norm, "slice": slices, "depth-to-space": depth_to_space, "pad": pad,
}  # fmt: skip


def drawn(kind, tmp_path):
    """Yield a layer, what it takes, its arrays, and what PyTorch has in its place, time and again, in both types."""
    for number in range(CASES):
        draw = Draw(kind, number)
        entry, inputs, arrays, theirs = KINDS[kind](draw)
        named = {key: f"#{key}" for key in arrays}
        (layer,) = network_of(tmp_path, [{"kind": kind.partition(" ")[0], **entry, **named}], arrays).layers
        dtype = draw.one(np.float32, np.float64)
        yield (
            layer.in_type(np.dtype(dtype)), [one.astype(dtype) for one in inputs],
            {key: array.astype(dtype) for key, array in arrays.items()}, theirs, draw,
        )  # fmt: skip


def check(found, wanted):
    assert found.dtype == wanted.dtype
    assert found.shape == wanted.shape
    size = max(1.0, float(np.abs(wanted).max()))
    np.testing.assert_allclose(found, wanted, rtol=0, atol=(1e-12 if found.dtype == np.float64 else 2e-5) * size)


@pytest.mark.parametrize("kind", KINDS)
def test_values_and_gradients_are_pytorch_s(kind, tmp_path):
    for layer, inputs, arrays, theirs, draw in drawn(kind, tmp_path):
        tensors = [torch.tensor(one, requires_grad=True) for one in inputs]
        own = {key: torch.tensor(array, requires_grad=True) for key, array in arrays.items()}
        wanted = theirs(*tensors, **own)
        made = layer.run(inputs, 1)
        check(made, wanted.detach().numpy())
        flow = draw.array(*made.shape).astype(made.dtype)
        wanted.backward(torch.tensor(flow))
        found = layer.back(inputs, made, flow)
        for one, tensor in zip(found.inputs, tensors, strict=True):
            check(one, tensor.grad.numpy())
        assert set(found.arrays) == set(own)
        for key, tensor in own.items():
            check(found.arrays[key], tensor.grad.numpy())


@pytest.mark.parametrize("kind", KINDS)
def test_every_value_is_the_sum_of_its_terms(kind, tmp_path):
    for layer, inputs, _, _, draw in drawn(kind, tmp_path):
        made = layer.run(inputs, 1)[0]
        one = [values[0] for values in inputs]
        for _ in range(5):
            at = tuple(draw.count(0, side - 1) for side in made.shape)
            terms, bias = layer.terms(one, at)
            assert sum(term.product for term in terms) + bias == pytest.approx(float(made[at]), rel=1e-4, abs=1e-4)
            for term in terms:
                if not term.invented:
                    assert (
                        term.input == one[0][(term.channel, term.row, term.column) if one[0].ndim == 3 else term.column]
                    )
