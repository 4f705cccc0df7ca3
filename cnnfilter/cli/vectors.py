"""What `convolve --golden` does with its flags."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cnnfilter.cli.flags import LimitFlags, OutputFlags, StoredFlags, ViewFlags
from cnnfilter.cli.picture_flags import PictureFlags
from cnnfilter.cli.shared import files_of, inputs_of, open_image, request_of, words_of
from cnnfilter.dumps.words import WORD_FORMATS
from cnnfilter.errors import ParameterError
from cnnfilter.files import printable
from cnnfilter.run.golden import check_vectors, write_golden
from cnnfilter.run.options import Options
from cnnfilter.run.steps import Step
from cnnfilter.views.terminal import write


def check_golden(images: Sequence[str], options: Options, output: OutputFlags) -> str:
    """Return the format of golden vectors; raise for flags that mean nothing with them."""
    forms = output.format or [WORD_FORMATS[0]]
    if len(images) != 1 or len(forms) != 1 or output.output is not None or output.flatten:
        raise ParameterError("--golden takes one picture, and one -f of mem, coe, h, bin (leave out -o and --flatten)")
    check_vectors(options, forms[0])
    return forms[0]


def write_golden_vectors(
    images: Sequence[str], options: Options, steps: tuple[Step, ...], folder: str, stored: StoredFlags,
    output: OutputFlags, limits: LimitFlags, *, quiet: bool,
) -> None:  # fmt: skip
    """Write the golden vectors of one picture, and say so."""
    form = check_golden(images, options, output)
    files = files_of(stored, limits)
    (one,) = inputs_of(images, files)
    request = request_of(options, steps, ViewFlags(), limits, PictureFlags())
    words = words_of(output._replace(format=[form]))
    names = write_golden(request, open_image(one, files), folder, form, words)
    if not quiet:
        write(f"wrote {len(names)} files into {printable(folder)}: {', '.join(Path(name).name for name in names)}")
