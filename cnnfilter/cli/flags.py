"""The flags that several commands share, each declared once, and the groups that go together.

A command takes groups as parameters, and `command` spreads them into flags. No annotation here is text: they are read
as they stand.
"""

import importlib
import inspect
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any, NamedTuple

import typer

_INPUT, _STEP, _OUTPUT, _VIEW, _RUN = "Input", "Computation", "Output", "What to see", "Running"


def _names(module: str, table: str) -> Callable[[str], list[str]]:
    """Return what completes a word for the shell from a table of a module, which is loaded when somebody asks."""

    def complete(incomplete: str) -> list[str]:
        found = getattr(importlib.import_module(f"cnnfilter.{module}"), table)
        return [name for name in (found() if callable(found) else found) if name.startswith(incomplete)]

    return complete


kernel_names = _names("library", "list_kernels")
padding_modes = _names("core.shapes", "PADDING_MODES")
activation_names = _names("core.activations", "ACTIVATIONS")
pool_names = _names("core.pools", "POOL_NAMES")
combinations = _names("run.options", "COMBINATIONS")
tools = _names("library.conventions", "CONVENTIONS")
colormaps = _names("images.colour", "colormap_names")


def given(context: typer.Context) -> frozenset[str]:
    """Return the names of the flags that the user typed, as opposed to their defaults."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    return frozenset(name for name, source in sources.items() if source is not None and source.name != "DEFAULT")


#: How poolings are typed.
POOL_METAVAR = "KIND[:SIZE[:STRIDE]]"
POOL_HELP = (
    "max, min, avg, sum or lp, as max:2 or avg:3:2, then :ceil, :pad=1, :dilation=2, :count-include-pad=no, lp:2:p=3; "
    "global-avg, adaptive-avg:3 (rows and columns that are left), fractional-max:2:ratio=0.7 (or out=5,6; seed=1)."
)

#: What stands where pictures are named.
IMAGES_HELP = "Pictures, grids of numbers, numbers in quotes; - is standard input."

Images = Annotated[list[str], typer.Argument(metavar="IMAGE...", help=IMAGES_HELP)]
Kernels = Annotated[
    list[str],
    typer.Option(
        "--kernel", "-k", autocompletion=kernel_names, rich_help_panel=_STEP, metavar="KERNEL",
        help="A name, name:key=value, bank:NAME, a matrix such as '0 -1 0; -1 5 -1; 0 -1 0', or a file: .yaml, .json, "
        ".csv, .txt, .mat, .npy, .npz, .safetensors, .onnx. Repeatable.",
    ),
]  # fmt: skip
KernelDirs = Annotated[
    list[str] | None,
    typer.Option(
        "--kernel-dir", metavar="DIR", rich_help_panel=_INPUT, help="Look for kernels here first. Repeatable."
    ),
]
Channels = Annotated[
    str,
    typer.Option(
        "--channels", metavar="each|gray|sum", rich_help_panel=_INPUT,
        help="each: every channel by itself; gray: luma first; sum: one filter over all channels, one map.",
    ),
]  # fmt: skip
Range = Annotated[
    str,
    typer.Option(
        "--range",
        metavar="stored|unit",
        rich_help_panel=_INPUT,
        help="unit: 0..1, divided by the type's largest value, or for other numbers by 1, 255 or 65535.",
    ),
]
Dtype = Annotated[
    str,
    typer.Option(
        "--dtype", metavar="float32|float64|int32|int64", rich_help_panel=_STEP,
        help="Type to compute in; int32 and int64 give exact sums of whole numbers.",
    ),
]  # fmt: skip
Requantize = Annotated[
    str | None,
    typer.Option(
        "--requantize", metavar="SCALE[,ZERO]:TYPE[:ROUNDING]", rich_help_panel=_STEP,
        help="Scale exact sums to int8, uint8, int16, uint16 or int32, last of all: round(sum * SCALE) + ZERO, held to "
        "the type. SCALE may be M>>S; SCALE and ZERO one, or one for each kernel, with | between. ROUNDING: half-even, "
        "half-away, half-up, floor, truncate or double (gemmlowp's).",
    ),
]  # fmt: skip
NetworkDtype = Annotated[
    str, typer.Option("--dtype", metavar="TYPE", rich_help_panel=_STEP, help="float32, float64; int32, int64: exact.")
]
Stride = Annotated[
    str, typer.Option("--stride", "-s", metavar="N|ROWS,COLS", rich_help_panel=_STEP, help="Step of the window.")
]
Padding = Annotated[
    str,
    typer.Option(
        "--padding", "-p", metavar="PADDING", rich_help_panel=_STEP,
        help="valid, same, full, N, ROWS,COLS or TOP,BOTTOM,LEFT,RIGHT.",
    ),
]  # fmt: skip
PaddingMode = Annotated[
    str,
    typer.Option(
        "--padding-mode", metavar="MODE", rich_help_panel=_STEP,
        autocompletion=padding_modes,
        help="zeros, reflect, symmetric, replicate, circular or constant:VALUE.",
    ),
]  # fmt: skip
Dilation = Annotated[
    str, typer.Option("--dilation", "-d", metavar="N|ROWS,COLS", rich_help_panel=_STEP, help="Spread of the kernel.")
]
Flip = Annotated[
    bool,
    typer.Option(
        "--flip/--no-flip", rich_help_panel=_STEP,
        help="Turn the kernel by 180 degrees first, the mathematician's convolution. CNNs, and the default, do not.",
    ),
]  # fmt: skip
Bias = Annotated[float | None, typer.Option("--bias", rich_help_panel=_STEP, help="Added to every cell.")]
Activation = Annotated[
    str | None,
    typer.Option(
        "--activation", "-a", metavar="NAME[:param=value]", rich_help_panel=_STEP, autocompletion=activation_names,
        help="Applied to the maps: relu, leaky-relu:negative_slope=0.1, softmax, ...",
    ),
]  # fmt: skip
Pool = Annotated[
    str | None,
    typer.Option(
        "--pool", metavar=POOL_METAVAR, rich_help_panel=_STEP, autocompletion=pool_names,
        help=f"Applied last: {POOL_HELP}",
    ),
]  # fmt: skip
Combine = Annotated[
    str,
    typer.Option(
        "--combine", metavar="HOW", rich_help_panel=_STEP, autocompletion=combinations,
        help="One map of all kernels: magnitude, max, min, sum, mean, argmax (which kernel is strongest), or angle of "
        "two, across then down: degrees, clockwise; 0 is brighter to the right, 90 below, 180 left, -90 above; NaN "
        "where both are 0; --colormap twilight suits it.",
    ),
]  # fmt: skip
As = Annotated[
    str,
    typer.Option(
        "--as", metavar="TOOL", rich_help_panel=_STEP, autocompletion=tools,
        help="Filter as torch, onnx, scipy, skimage, opencv, imagemagick, pillow or matlab does: its own function of "
        "that name where it has one, its border, scaling, gray, rounding and transparency. Flags that you give win; "
        "a note says the call.",
    ),
]  # fmt: skip
Missing = Annotated[
    str,
    typer.Option(
        "--missing", metavar="propagate|ignore", rich_help_panel=_STEP,
        help="NaN in a window: propagate gives NaN; ignore takes it for a missing cell, and renormalises the weights "
        "over what is there.",
    ),
]  # fmt: skip
Engine = Annotated[
    str,
    typer.Option(
        "--engine", metavar="NAME", rich_help_panel=_RUN, help="auto, im2col, banded, separable or fft.",
    ),
]  # fmt: skip
Output = Annotated[
    str | None,
    typer.Option(
        "--output", "-o", metavar="PATH", rich_help_panel=_OUTPUT,
        help="A file, a folder, or - for standard output; else the current folder.",
    ),
]  # fmt: skip
Formats = Annotated[
    list[str] | None,
    typer.Option(
        "--format", "-f", metavar="FORMAT", rich_help_panel=_OUTPUT,
        help="png, jpg, webp, tiff (pictures); npy, npz, csv, json (numbers); mem, coe, h, bin (words for hardware: "
        "$readmemh, Xilinx, a C array, little-endian bytes). Repeatable.",
    ),
]  # fmt: skip
Stack = Annotated[
    bool,
    typer.Option("--stack", rich_help_panel=_OUTPUT, help="All kernels in one file; for pictures a contact sheet."),
]
Flatten = Annotated[bool, typer.Option("--flatten", rich_help_panel=_OUTPUT, help="Dump the maps as one 1-D vector.")]
Word = Annotated[
    int | None,
    typer.Option("--word", metavar="8|16|32", rich_help_panel=_OUTPUT, help="Bits of a word in mem, coe, h and bin; "
                 "those of the numbers' type if unset."),
]  # fmt: skip
WordOrder = Annotated[
    str, typer.Option("--order", metavar="chw|hwc", rich_help_panel=_OUTPUT, help="Order of the axes in mem, coe, ...")
]
Golden = Annotated[
    str | None,
    typer.Option(
        "--golden", metavar="DIR", rich_help_panel=_OUTPUT,
        help="Write input, weights, bias and expected maps of exact sums into a folder of their own, with a manifest, "
        "for a testbench: mem, or the -f that is said.",
    ),
]  # fmt: skip
Table = Annotated[bool, typer.Option("--table", "-t", rich_help_panel=_VIEW, help="Print the maps as numbers.")]
Heat = Annotated[
    bool, typer.Option("--heat", rich_help_panel=_VIEW, help="The same, coloured by value: blue below 0, orange above.")
]
At = Annotated[
    str | None, typer.Option("--at", metavar="ROW,COL", rich_help_panel=_VIEW, help="Centre of what --table shows.")
]
Preview = Annotated[bool, typer.Option("--preview", rich_help_panel=_VIEW, help="Draw the maps in the terminal.")]
Json = Annotated[bool, typer.Option("--json", rich_help_panel=_VIEW, help="Print the summary as JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", rich_help_panel=_VIEW, help="Print nothing but errors.")]
Open = Annotated[
    bool,
    typer.Option("--open", rich_help_panel=_OUTPUT, help="Open what was written in your viewer."),
]
Debug = Annotated[bool, typer.Option("--debug", rich_help_panel=_RUN, help="Show tracebacks.")]
Threads = Annotated[
    int | None,
    typer.Option("--threads", metavar="N", rich_help_panel=_RUN, help="At most N threads; all cores if unset."),
]
#: The panel of the flags that replace what a network says about its input.
_MODEL = "How a picture becomes a network's input; each replaces what the network says"

SaveLayers = Annotated[
    list[str] | None,
    typer.Option(
        "--save", metavar="all|NAME,...", rich_help_panel=_OUTPUT,
        help="Write these layers' maps: contact sheets, or dumps with -f npy, npz, csv, json. Patterns work: 'conv*'. "
        "All, where -o, -f or --maps is given without it; -o FILE.npz holds all of them.",
    ),
]  # fmt: skip
Size = Annotated[
    str | None,
    typer.Option("--size", metavar="ROWSxCOLS", rich_help_panel=_MODEL, help="Size of the network's input."),
]
ModelRange = Annotated[
    str | None,
    typer.Option("--range", metavar="stored|unit", rich_help_panel=_MODEL, help="The network's input: unit is 0..1."),
]
Mean = Annotated[
    str | None, typer.Option("--mean", metavar="N,...", rich_help_panel=_MODEL, help="The network's input: subtracted.")
]
Std = Annotated[
    str | None, typer.Option("--std", metavar="N,...", rich_help_panel=_MODEL, help="The network's input: divided by.")
]
Resize = Annotated[
    str | None,
    typer.Option(
        "--resize", metavar="stretch|crop|letterbox|none", rich_help_panel=_MODEL,
        help="How pictures of other sizes are made to fit; letterbox leaves gray around them (114 of 255, as YOLO).",
    ),
]  # fmt: skip
Order = Annotated[
    str | None,
    typer.Option(
        "--order", metavar="RGB|BGR", rich_help_panel=_MODEL, help="Order of the colours; of --mean and --std too."
    ),
]
Inputs = Annotated[
    list[str] | None,
    typer.Option(
        "--input", metavar="NAME=1,2,3|FILE", rich_help_panel=_MODEL,
        help="Numbers for an input that an ONNX model has beside the picture. Repeatable.",
    ),
]  # fmt: skip
Softmax = Annotated[
    bool,
    typer.Option(
        "--softmax", rich_help_panel=_VIEW,
        help="The last values are scores of classes: put them through softmax, whatever layer they come from.",
    ),
]  # fmt: skip
ModelLayout = Annotated[
    str,
    typer.Option(
        "--layout", metavar="auto|CHW|HWC|NCHW|NHWC", rich_help_panel=_INPUT,
        help="Order of the axes of stored arrays; or, with N in front, of an ONNX model's input.",
    ),
]  # fmt: skip
Layout = Annotated[
    str,
    typer.Option(
        "--layout", metavar="auto|CHW|HWC", rich_help_panel=_INPUT,
        help="Order of the axes of stored arrays: channels first, or last as in OpenCV and Pillow.",
    ),
]  # fmt: skip
Frame = Annotated[
    str | None,
    typer.Option(
        "--frame", metavar="N|all", rich_help_panel=_INPUT,
        help="Which frame of an animation, or page of a TIFF, from 0; all: each as an input of its own.",
    ),
]  # fmt: skip
AllowTruncated = Annotated[
    bool,
    typer.Option(
        "--allow-truncated", rich_help_panel=_INPUT,
        help="Read damaged pictures as far as they go, with a note, instead of refusing them.",
    ),
]  # fmt: skip
MaxPixels = Annotated[
    int,
    typer.Option(
        "--max-pixels", metavar="N", min=1, rich_help_panel=_RUN, help="Refuse larger images, from their header."
    ),
]
MaxMemory = Annotated[
    str | None,
    typer.Option(
        "--max-memory", metavar="BYTES", rich_help_panel=_RUN,
        help="Refuse jobs that need more, before they begin: 500MB, 2GB. Half of the machine's memory if unset.",
    ),
]  # fmt: skip

MAX_PIXELS = 200_000_000


class PixelFlags(NamedTuple):
    """Which values of a picture are taken."""

    channels: Channels = "each"
    range: Range = "stored"


class StoredFlags(NamedTuple):
    """How files that hold more than one picture say so."""

    layout: Layout = "auto"
    frame: Frame = None
    allow_truncated: AllowTruncated = False


class StepFlags(NamedTuple):
    """What a convolution does."""

    kernel_dir: KernelDirs = None
    stride: Stride = "1"
    padding: Padding = "valid"
    padding_mode: PaddingMode = "zeros"
    dilation: Dilation = "1"
    flip: Flip = False
    bias: Bias = None
    combine: Combine = ""
    as_: As = ""
    activation: Activation = None
    pool: Pool = None
    missing: Missing = "propagate"
    dtype: Dtype = "float32"
    requantize: Requantize = None
    engine: Engine = "auto"


class OutputFlags(NamedTuple):
    """Where results go."""

    output: Output = None
    format: Formats = None
    flatten: Flatten = False
    word: Word = None
    order: WordOrder = "chw"


class ViewFlags(NamedTuple):
    """What is shown on the terminal."""

    table: Table = False
    heat: Heat = False
    at: At = None
    preview: Preview = False
    json: Json = False
    quiet: Quiet = False
    open_: Open = False

    @property
    def numbers(self) -> bool:
        """Whether the maps are printed as numbers."""
        return self.table or self.heat


class ModelFlags(NamedTuple):
    """How a picture becomes a network's input."""

    size: Size = None
    mean: Mean = None
    std: Std = None
    resize: Resize = None
    order: Order = None
    layout: ModelLayout = "auto"
    input_: Inputs = None
    softmax: Softmax = False


class LimitFlags(NamedTuple):
    """What a job may take, and what is said where it fails."""

    max_pixels: MaxPixels = MAX_PIXELS
    max_memory: MaxMemory = None
    debug: Debug = False


def command(function: Callable[..., None]) -> Callable[..., None]:
    """Return a command for Typer: each parameter that is a group of flags is spread into the flags themselves.

    The group's default in the signature gives the defaults of its flags; the function is called with the group.
    """
    parameters: list[inspect.Parameter] = []
    groups: dict[str, Any] = {}
    for one in inspect.signature(function).parameters.values():
        if not hasattr(one.annotation, "_fields"):
            parameters.append(one.replace(kind=one.KEYWORD_ONLY))
            continue
        groups[one.name] = one.annotation
        defaults = one.default if one.default is not one.empty else one.annotation()
        parameters += [
            inspect.Parameter(name, one.KEYWORD_ONLY, default=getattr(defaults, name), annotation=annotation)
            for name, annotation in one.annotation.__annotations__.items()
        ]

    @wraps(function)
    def gathered(**words: Any) -> None:
        for name, group in groups.items():
            words[name] = group(**{flag: words.pop(flag) for flag in group._fields})
        function(**words)

    gathered.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    gathered.__annotations__ = {one.name: one.annotation for one in parameters}
    return gathered
