"""``cnnfilter train``."""

from typing import Annotated

import typer

from cnnfilter.cli import flags
from cnnfilter.cli.flags import LimitFlags, StoredFlags

_OUTPUT, _STEP, _INPUT = "Output", "Training", "Input"

Data = Annotated[
    str,
    typer.Argument(metavar="DATA", help="A folder with a folder for each class, or an .npz with images and labels."),
]
Start = Annotated[
    str | None,
    typer.Option(
        "--network", metavar="START.yaml", rich_help_panel=_STEP,
        help="The network file to begin with: its weights, or filters: and outputs: that are still to be found. Unset: "
        "two convolutions of 3x3, each with relu and pooling, then dense and softmax.",
    ),
]  # fmt: skip
Epochs = Annotated[
    int, typer.Option("--epochs", metavar="N", min=1, rich_help_panel=_STEP, help="How often each picture is seen.")
]
BatchSize = Annotated[
    int,
    typer.Option("--batch-size", metavar="N", min=1, rich_help_panel=_STEP, help="Pictures that a step is made of."),
]
Rate = Annotated[
    float | None,
    typer.Option(
        "--learning-rate", metavar="R", rich_help_panel=_STEP, help="Size of the steps; 0.002 for adam, 0.02 for sgd."
    ),
]
Optimizer = Annotated[
    str,
    typer.Option(
        "--optimizer", metavar="adam|sgd", rich_help_panel=_STEP, help="How steps are made; sgd has a momentum of 0.9."
    ),
]
Seed = Annotated[
    int,
    typer.Option(
        "--seed", metavar="S", min=0, rich_help_panel=_STEP,
        help="Draws first weights, hold-out and batches: the same seed, the same bits.",
    ),
]  # fmt: skip
HoldOut = Annotated[
    float,
    typer.Option(
        "--hold-out", metavar="SHARE", rich_help_panel=_STEP,
        help="Share of the pictures, spread over the classes, that is judged by and never learned from.",
    ),
]  # fmt: skip
Patience = Annotated[
    int,
    typer.Option(
        "--patience", metavar="N", min=0, rich_help_panel=_STEP,
        help="Stop after N epochs that were no better on the hold-out; 0: never.",
    ),
]  # fmt: skip
Size = Annotated[
    str | None,
    typer.Option(
        "--size", metavar="ROWSxCOLS", rich_help_panel=_INPUT,
        help="Size of the network's input; unset: that of the pictures up to 64x64, else 32x32.",
    ),
]  # fmt: skip
Film = Annotated[
    str | None,
    typer.Option(
        "--film", metavar="PATH", rich_help_panel=_OUTPUT,
        help="The first layer's filters as they learn, 40 frames at most: .webp or .gif; .png: before and after.",
    ),
]  # fmt: skip
Output = Annotated[
    str | None,
    typer.Option(
        "--output", "-o", metavar="NETWORK.yaml", rich_help_panel=_OUTPUT,
        help="The network file, .yaml; weights (.npz, or .weights.npz where DATA has that name) and .history.csv go "
        "beside it, and .progress.npz until training is over. Unset: named after DATA.",
    ),
]  # fmt: skip
Resume = Annotated[
    bool,
    typer.Option("--resume", rich_help_panel=_OUTPUT, help="Go on where a training was interrupted, to the same bits."),
]


@flags.command
def train(
    data: Data,
    network: Start = None,
    output: Output = None,
    film: Film = None,
    resume: Resume = False,
    *,
    epochs: Epochs = 30,
    batch_size: BatchSize = 32,
    learning_rate: Rate = None,
    optimizer: Optimizer = "adam",
    seed: Seed = 0,
    hold_out: HoldOut = 0.2,
    patience: Patience = 10,
    size: Size = None,
    stored: StoredFlags,
    json: flags.Json = False,
    quiet: flags.Quiet = False,
    threads: flags.Threads = None,
    limits: LimitFlags,
) -> None:
    """Train a small network: filters from random numbers to meaning, by backpropagation.

    Each step takes some pictures forth through all layers, asks how wrong the scores are (softmax with cross-entropy),
    and lets the answer flow back to every weight. After each epoch the hold-out, which is never learned from, is
    judged; the weights that were best there are kept. Ctrl-C keeps the best so far (no film); --resume goes on. A
    training that is over is gone on with by --network. Layers of all kinds are trained, kernels of the library too.

    Example: cnnfilter train samples/digits/train-digits.npz -o digits.yaml --film filters.webp

    Example: cnnfilter run digits.yaml samples/digits/test-digits.npz --labels labels
    """
    from cnnfilter.cli import shared
    from cnnfilter.cli.training import Job, train_job
    from cnnfilter.networks.train import Settings
    from cnnfilter.run.dataset import Opening

    settings = Settings(epochs, batch_size, learning_rate, optimizer, seed, patience)
    files = shared.files_of(stored, limits)
    opening = Opening(shared.memory_limit(limits.max_memory), limits.max_pixels, files.reading)
    job = Job(data, network, output, film, opening, resume=resume, json=json, quiet=quiet)
    train_job(job, settings, hold_out, size, threads)
