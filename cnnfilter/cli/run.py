"""``cnnfilter run``."""

from typing import Annotated

import typer

from cnnfilter.cli import flags

Network = Annotated[str, typer.Argument(metavar="NETWORK", help="A network file (YAML, JSON), or an ONNX model.")]
Pictures = Annotated[
    list[str] | None,
    typer.Argument(metavar="[IMAGE...]", help="Pictures, grids of numbers, folders of pictures; - is standard input."),
]  # fmt: skip
SingleMaps = Annotated[
    bool, typer.Option("--maps", rich_help_panel="Output", help="With --save: every map also as a picture of its own.")
]
Top = Annotated[
    int, typer.Option("--top", metavar="N", min=1, rich_help_panel="What to see", help="Show the N likeliest classes.")
]
LayerNames = Annotated[
    list[str] | None,
    typer.Option(
        "--layer", metavar="NAME", rich_help_panel="What to see", help="Only these layers; patterns work: 'conv*'."
    ),
]
ListLayers = Annotated[
    bool, typer.Option("--layers", rich_help_panel="What to see", help="List the layers with their shapes, and stop.")
]


def run(
    network: Network,
    images: Pictures = None,
    save: flags.SaveLayers = None,
    maps: SingleMaps = False,
    output: flags.Output = None,
    format: flags.Formats = None,
    display: flags.Display = "minmax",
    scale: flags.Scale = None,
    zoom: flags.Zoom = 1,
    colormap: flags.Colormap = None,
    compress: flags.Compress = "fast",
    size: flags.Size = None,
    range: flags.ModelRange = None,
    mean: flags.Mean = None,
    std: flags.Std = None,
    resize: flags.Resize = None,
    order: flags.Order = None,
    layout: flags.ModelLayout = "auto",
    inputs: flags.Inputs = None,
    softmax: flags.Softmax = False,
    frame: flags.Frame = None,
    allow_truncated: flags.AllowTruncated = False,
    top: Top = 10,
    layers: ListLayers = False,
    layer: LayerNames = None,
    table: flags.Table = False,
    at: flags.At = None,
    json: flags.Json = False,
    quiet: flags.Quiet = False,
    dtype: flags.Dtype = "float32",
    threads: flags.Threads = None,
    max_pixels: flags.MaxPixels = flags.MAX_PIXELS,
    max_memory: flags.MaxMemory = None,
    debug: flags.Debug = False,
) -> None:
    """Run pictures through a network: every layer's shape, cost and range, and what the last one says.

    A network file runs in this program; an ONNX model runs in ONNX Runtime (the extra cnnfilter[onnx]).

    What the last layer is decides what is said: a softmax, or a log-softmax, is shown as probabilities of classes;
    sigmoids each by itself, one alone as yes or no. Weighted sums (dense, Gemm) go through softmax, and that is said,
    where the network names classes, where an ONNX model gives one vector of them, or where --softmax asks. Anything
    else is shown as values, without classes.

    The table: sees is the part of the input that one value depends on, rows x columns, and how far apart two
    neighbours look ("every", or after a slash); zeros is the share of a layer's values that are 0 for this picture.
    On a narrow terminal these give way, in this order: long words (numbers stands for parameters, macs for
    multiply-adds), the columns macs, numbers, sees and kind, the middle of names.

    Example: cnnfilter run samples/digits/digits.yaml samples/digits/digit-7.png --save all -o out/
    """
    from cnnfilter.cli.job import Files, memory_limit, position
    from cnnfilter.cli.network import list_layers, run_pictures
    from cnnfilter.cli.network_words import Look, check_look, check_order, override, parted_layout
    from cnnfilter.cli.words import check_inputs
    from cnnfilter.images.frames import parse_reading
    from cnnfilter.networks.model import open_model
    from cnnfilter.run.look import make_looks

    of_model, of_arrays = parted_layout(layout)
    reading = parse_reading(of_arrays, frame, truncated=allow_truncated)
    if output or format or maps:
        save = save or ["all"]  # files were asked for
    look = Look(
        top=top, layers=tuple(layer or ()), table=table, at=position(at), json=json, quiet=quiet,
        save=tuple(save or ()), single=maps, output=output, formats=tuple(format or ()), dtype=dtype, threads=threads,
        softmax=softmax, max_memory=memory_limit(max_memory),
        **make_looks(display, colormap, compress, scale, zoom),
    )  # fmt: skip
    check_look(look)
    check_order(network, images or [])
    check_inputs(images or (), "run")
    model = override(
        open_model(network), size=size, range=range, mean=mean, std=std, resize=resize, order=order, layout=of_model,
        inputs=inputs or (),
    )  # fmt: skip
    if layers:
        list_layers(model, look)
        return
    run_pictures(model, images or [], look, Files(max_pixels=max_pixels, max_memory=max_memory, reading=reading))
