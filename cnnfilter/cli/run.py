"""``cnnfilter run``."""

from pathlib import Path
from typing import Annotated

import typer

from cnnfilter.cli import flags
from cnnfilter.cli.flags import LimitFlags, ModelFlags
from cnnfilter.cli.picture_flags import PictureFlags

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
Labels = Annotated[
    str | None,
    typer.Option(
        "--labels", metavar="L", rich_help_panel="What to see",
        help="Say how often the network is right about a folder or an .npz of pictures: folders (the names of their "
        "folders), the name of an array of the .npz, or a file: .npy, .npz, or .csv and .txt with a label a line, or "
        "lines such as cats/tom.png,cat.",
    ),
]  # fmt: skip
ListLayers = Annotated[
    bool, typer.Option("--layers", rich_help_panel="What to see", help="List the layers with their shapes, and stop.")
]


@flags.command
def run(
    network: Network,
    images: Pictures = None,
    save: flags.SaveLayers = None,
    maps: SingleMaps = False,
    output: flags.Output = None,
    format: flags.Formats = None,
    *,
    pictures: PictureFlags,
    range: flags.ModelRange = None,
    model: ModelFlags,
    frame: flags.Frame = None,
    allow_truncated: flags.AllowTruncated = False,
    labels: Labels = None,
    top: Top = 10,
    layers: ListLayers = False,
    layer: LayerNames = None,
    table: flags.Table = False,
    heat: flags.Heat = False,
    at: flags.At = None,
    json: flags.Json = False,
    quiet: flags.Quiet = False,
    open_: flags.Open = False,
    dtype: flags.NetworkDtype = "float32",
    threads: flags.Threads = None,
    limits: LimitFlags,
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
    multiply-adds), the columns macs, numbers, sees and kind, the middle of names, then zeros, max, min and output.

    -o net.png draws all of it on one page: the picture, each layer's maps as a column, and bars for the classes; also
    .jpg, .webp, .tiff and .pdf.

    With --labels: accuracy, and the confusion table, in which rows are what pictures show.

    Example: cnnfilter run samples/digits/digits.yaml samples/digits/digit-7.png --save all -o out/
    """
    from cnnfilter.cli import networks, shared
    from cnnfilter.cli.opening import check_open
    from cnnfilter.cli.words import check_inputs, check_order
    from cnnfilter.networks.model import open_model
    from cnnfilter.run.network import NetworkOptions
    from cnnfilter.run.network_page import check_page, page_form

    of_model, of_arrays = networks.parted_layout(model.layout)
    files = shared.files_of(flags.StoredFlags(of_arrays, frame, allow_truncated), limits)
    alone = bool(output) and not (save or format or maps or Path(output or "").is_dir())
    page = output if alone and page_form(output or "") else None
    if alone and page is None:
        check_page(output or "")
    if page is None and (output or format or maps):
        save = save or ["all"]  # files were asked for
    check_open(open_, None if labels is not None or not (page or save) else output or "")
    wanted = networks.Wanted(
        view=flags.ViewFlags(table=table, heat=heat, json=json, quiet=quiet, open_=open_),
        at=shared.position(at), top=top,
        layers=tuple(layer or ()), save=tuple(save or ()), single=maps, output=output, formats=tuple(format or ()),
        pictures=shared.looks_of(pictures),
        options=NetworkOptions(threads, dtype, model.softmax, shared.memory_limit(limits.max_memory)), page=page,
        max_pixels=limits.max_pixels,
    )  # fmt: skip
    wanted.check()
    check_order(network, images or [])
    check_inputs(images or (), "run")
    adapted = networks.override(open_model(network), model, range=range, layout=of_model, alone=not images)
    if layers:
        networks.list_layers(adapted, wanted)
        return
    if labels is not None:
        from cnnfilter.cli.judging import judge_pictures

        judge_pictures(adapted, images or [], labels, wanted, files)
        return
    networks.run_pictures(adapted, images or [], wanted, files)
