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
    from cnnfilter.cli.networks import export_model

    export_model(network, output, size, max_memory, quiet=quiet)
