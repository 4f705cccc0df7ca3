"""Write docs/kernels.md and its pictures from the kernel library: every kernel, and a sample through it.

``python docs/make_kernels.py`` writes them; ``--check`` says whether the page is up to date, and writes nothing.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from cnnfilter import conv2d
from cnnfilter.images.colour import signed_colour
from cnnfilter.images.display import Extent, choose_kind, extent_of, resolve, to_pixels
from cnnfilter.images.sheet import contact_sheet
from cnnfilter.library import load_kernels
from cnnfilter.library.catalog import Entry, entries, shipped_folder
from cnnfilter.library.conventions import CONVENTIONS

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "kernels.md"
PICTURES = ROOT / "docs" / "kernels"
#: Side of the sample, and where it is cut out of the scene.
SIDE = 120
TOP, LEFT = 212, 66
#: Side of a kernel of a bank, and kernels in a line.
SMALL, LINE = 44, 16
QUALITY = 72

HEAD = """\
# The kernel library

<!-- Written by docs/make_kernels.py from the files in kernels/. -->

{count} kernels in {families} families, and {banks} banks of {members} more. Each picture shows the kernel, orange
above zero and blue below, and what it makes of a piece of `samples/scene.png`: as it is where the weights sum to 1, the
absolute value where they sum to 0 (white is the largest but for half a percent), else from the smallest value to the
largest. `cnnfilter kernels show NAME` prints a kernel's passport, and
`cnnfilter kernels show NAME -o page.png` draws it for a slide; `--as opencv`, or `:variant=opencv` on one kernel, takes
the tool's own version where one is listed.

"""


def gray_sample() -> np.ndarray:
    """Return a piece of the scene, pixel by pixel, ``(SIDE, SIDE)``."""
    with Image.open(ROOT / "samples" / "scene.png") as image:
        return np.asarray(image.convert("L"), np.float32)[TOP : TOP + SIDE, LEFT : LEFT + SIDE]


def color_sample() -> np.ndarray:
    """Return the coloured still life, made smaller, ``(3, SIDE, SIDE)``."""
    with Image.open(ROOT / "samples" / "scene-color.png") as image:
        white = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    small = white.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX)
    return np.moveaxis(np.asarray(small, np.float32), -1, 0)


def through(weights: np.ndarray) -> np.ndarray:
    """Return the sample through a kernel as pixels ``(SIDE, SIDE, 3)``."""
    if weights.ndim == 3:
        values = conv2d(color_sample(), weights[None], padding="same", padding_mode="reflect")
    else:
        values = conv2d(gray_sample(), weights, padding="same", padding_mode="reflect")[None]
    kind = choose_kind(weights, processed=False)
    if kind == "abs":
        values = np.abs(values)
        display = resolve("clip", float(np.percentile(values, 99.5)) or 1.0)
    else:
        display = resolve(kind, 255.0, extent_of([values]))
    return np.repeat(to_pixels(values, display), 3, axis=2)[..., :3]


def drawn(weights: np.ndarray, side: int) -> np.ndarray:
    """Return a kernel as pixels ``(side, side, 3)``: cells in the colours of their sign, or red, green and blue."""
    if weights.ndim == 3:
        most = float(np.abs(weights).max()) or 1.0
        cells = to_pixels(weights, resolve("symmetric", 1.0, Extent(-most, most)))
    else:
        largest = float(np.abs(weights).max()) or 1.0
        cells = np.array([[signed_colour(float(value) / largest) for value in row] for row in weights], np.uint8)
    scale = side / max(cells.shape[:2])
    size = max(1, round(cells.shape[1] * scale)), max(1, round(cells.shape[0] * scale))
    smooth = Image.Resampling.NEAREST if scale >= 1 else Image.Resampling.BOX
    page = Image.new("RGB", (side, side), (36, 36, 36))
    page.paste(Image.fromarray(cells).resize(size, smooth), ((side - size[0]) // 2, (side - size[1]) // 2))
    return np.asarray(page)


def family_sheet(names: list[str]) -> np.ndarray:
    """Return all kernels of a family, each beside the sample that went through it."""
    tiles = []
    for name in names:
        weights = load_kernels(name, search=[shipped_folder()])[0].weights
        gap = np.full((SIDE, 4, 3), 36, np.uint8)
        tiles.append(np.concatenate([drawn(weights, SIDE), gap, through(weights)], axis=1))
    return contact_sheet(tiles, names)


def bank_sheet(names: list[str]) -> np.ndarray:
    """Return all kernels of some banks, bank under bank."""
    gap, font = 6, ImageFont.load_default(14)
    banks = {name: load_kernels(f"bank:{name}", search=[shipped_folder()]) for name in names}
    lines = {name: -(-len(kernels) // LINE) for name, kernels in banks.items()}
    height = sum(26 + count * (SMALL + gap) for count in lines.values()) + gap
    page = Image.new("RGB", (gap + LINE * (SMALL + gap), height), (36, 36, 36))
    draw, top = ImageDraw.Draw(page), gap
    for name, kernels in banks.items():
        draw.text((gap, top), f"bank:{name}, {len(kernels)}", (236, 236, 236), font)
        top += 22
        for index, kernel in enumerate(kernels):
            place = gap + index % LINE * (SMALL + gap), top + index // LINE * (SMALL + gap)
            page.paste(Image.fromarray(drawn(kernel.weights, SMALL)), place)
        top += lines[name] * (SMALL + gap) + 4
    return np.asarray(page)


def by_family(kind: str) -> dict[str, list[Entry]]:
    """Return the shipped kernels or banks of each family."""
    found: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries([shipped_folder()]):
        if entry.kind == kind:
            found[entry.family].append(entry)
    return dict(sorted(found.items()))


def cell(text: str) -> str:
    """Return text that is safe in a table."""
    return text.replace("|", "\\|").replace("\n", " ")


def page() -> str:
    """Return docs/kernels.md."""
    kernels, banks = by_family("kernel"), by_family("bank")
    sizes = {
        entry.name: len(load_kernels(f"bank:{entry.name}", search=[shipped_folder()]))
        for group in banks.values()
        for entry in group
    }
    parts = [
        HEAD.format(
            count=sum(map(len, kernels.values())), families=len({*kernels, *banks}), banks=len(sizes),
            members=sum(sizes.values()),
        )
    ]  # fmt: skip
    for family in sorted({*kernels, *banks}):
        parts.append(f"## {family}\n\n")
        if family in kernels:
            parts.append(f"![The kernels of family {family}, each beside a sample](kernels/{family}.webp)\n\n")
            parts.append("| kernel | what it is | variants | source |\n|---|---|---|---|\n")
            parts += [kernel_row(entry) for entry in kernels[family]]
            parts.append("\n")
        if family in banks:
            parts.append(f"![The banks of family {family}](kernels/{family}-banks.webp)\n\n")
            parts.append("| bank | kernels | what it is | source |\n|---|---|---|---|\n")
            parts += [
                f"| `bank:{one.name}` | {sizes[one.name]} | {cell(one.title)} | {cell(one.source)} |\n"
                for one in banks[family]
            ]
            parts.append("\n")
    return "".join(parts) + conventions()


CONVENTIONS_HEAD = """\
## Conventions of other tools

`cnnfilter convolve IMAGE -k KERNEL --as TOOL` filters as the tool does; flags that you give win, and what was adopted
stands in the dump. `cnnfilter kernels compare sobel-x --between opencv,skimage` says what differs between two of them,
one part at a time, and `cnnfilter kernels export NAME --to TOOL` prints code or a command that gives the same picture.

| tool | what is meant | kernel flipped | border | middle of an even kernel | values | result |
|---|---|---|---|---|---|---|
"""


def conventions() -> str:
    """Return the table of conventions, and a note on each."""
    rows, notes = [], []
    for tool, convention in CONVENTIONS.items():
        words = convention.words()
        keys = ("call", "flip", "border", "middle of an even kernel", "values", "result")
        cells = [f"`{words['call']}`", *(words[key] for key in keys[1:])]
        rows.append(f"| {tool} | {' | '.join(map(cell, cells))} |\n")
        said = filter(None, (convention.note, convention.reference, f"may differ from it: {convention.differs}"))
        notes.append(f"- {tool}: {'. '.join(said)}.\n")
    return CONVENTIONS_HEAD + "".join(rows) + "\n" + "".join(notes) + EQUALITY


EQUALITY = """
The tests hold all but MATLAB against the installed tool over random pictures, kernels, depths and borders, ONNX through
PyTorch; OpenCV's pixels as long as the processor has fused multiply-adds. A name that the tool has too stands for the
tool's own function, with its size, border, sign and arithmetic, as the note of a run says: `gaussian:sigma=2` is
`cv2.GaussianBlur(image, (0, 0), 2)` with `--as opencv`, and 17 taps with `--as scipy`. Any other kernel is handed to
the function in the table.
"""


def kernel_row(entry: Entry) -> str:
    """Return a kernel's line of the table."""
    names = ", ".join(f"`{name}`" for name in (entry.name, *entry.aliases))
    variants = ", ".join(entry.data.get("variants", {}))
    return f"| {names} | {cell(entry.title)} | {variants} | {cell(entry.source)} |\n"


def draw_all() -> None:
    """Write the pictures."""
    PICTURES.mkdir(exist_ok=True)
    for family, group in by_family("kernel").items():
        save(family_sheet([entry.name for entry in group]), family)
    for family, group in by_family("bank").items():
        save(bank_sheet([entry.name for entry in group]), f"{family}-banks")


def save(pixels: np.ndarray, name: str) -> None:
    """Write one picture."""
    Image.fromarray(pixels).save(PICTURES / f"{name}.webp", quality=QUALITY, method=6)


def main() -> int:
    """Write, or check."""
    text = page()
    if "--check" in sys.argv[1:]:
        return 0 if PAGE.is_file() and PAGE.read_text() == text else 1
    PAGE.write_text(text)
    draw_all()
    return 0


if __name__ == "__main__":
    sys.exit(main())
