"""``cnnfilter export``."""

from typing import Annotated

import typer

from cnnfilter.cli import flags


def export(
    network: Annotated[str, typer.Argument(metavar="NETWORK", help="A network file (YAML, JSON).")],
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="MODEL.onnx", help="The file to write; else in the current folder."),
    ] = None,
    size: Annotated[
        str | None, typer.Option("--size", metavar="ROWSxCOLS", help="Input size, where the network leaves it open.")
    ] = None,
    quiet: flags.Quiet = False,
    max_memory: flags.MaxMemory = None,
    debug: flags.Debug = False,
) -> None:
    """Write a network file as an ONNX model, checked by ONNX and compared with it in ONNX Runtime.

    Every layer's output has the layer's name. Needs the extra cnnfilter[onnx].

    Example: cnnfilter export samples/digits/digits.yaml -o digits.onnx
    """
    from cnnfilter.cli.shared import memory_limit
    from cnnfilter.cli.words import check_network
    from cnnfilter.core.shapes import rows_by_columns
    from cnnfilter.errors import OutputError, ParameterError, ShapeError
    from cnnfilter.files import printable, quoted
    from cnnfilter.networks.load import load_network
    from cnnfilter.networks.onnx_export import COMPARED, export_network
    from cnnfilter.networks.plan import plan_network
    from cnnfilter.run.network import check_peak
    from cnnfilter.text import slug
    from cnnfilter.views.terminal import write

    check_network(network)
    if network.lower().endswith(".onnx"):
        raise ParameterError(f"{quoted(network)}: is an ONNX model already (export takes a network file)")
    loaded = load_network(network)
    target = output or f"{slug(loaded.name)}.onnx"
    if not target.lower().endswith(".onnx"):
        raise OutputError(f"{target!r} does not end in .onnx, and ONNX is what export writes")
    wanted = rows_by_columns(size, "--size") if size else None
    plan = plan_network(loaded, wanted, partial=True)
    if plan.failure:
        raise ShapeError(f"{quoted(network)}: {plan.failure}")
    check_peak(plan._replace(peak_bytes=COMPARED * plan.peak_bytes), network, memory_limit(max_memory))
    difference = export_network(loaded, target, wanted)
    if not quiet:
        count = len(loaded.layers)
        write(f"wrote {printable(target)}: {count} layers, checked; ONNX Runtime differs by at most {difference:.1e}")
