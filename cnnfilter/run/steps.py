"""What is made of every picture: a step for each kernel, or one for all where they are combined."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from cnnfilter.core.missing import check_sum
from cnnfilter.core.requantize import Requantization
from cnnfilter.errors import ParameterError
from cnnfilter.library.kernel import Kernel
from cnnfilter.run.adopt import check_adopted
from cnnfilter.run.combine import check_kernels, step_title
from cnnfilter.run.options import Options


class Step(NamedTuple):
    """One thing to make from every image: its name, how it is typed, and its kernels, combined where several.

    `few` is how its sums become few bits, if they do.
    """

    name: str
    spec: str
    kernels: tuple[Kernel, ...] = ()
    few: Requantization | None = None


def kernel_steps(kernels: Sequence[Kernel], options: Options) -> tuple[Step, ...]:
    """Return one step for each kernel, or a single one where they are combined.

    Raises
    ------
    ParameterError
        If they cannot be combined so, however the pictures are, or a flag asks for what the adopted tool's function
        has not.
    """
    check_kernels(kernels, options.combine)
    check_adopted(kernels, options)
    if options.missing == "ignore":
        for kernel in kernels:
            check_sum(kernel.weights, kernel.name)
    few, count = options.requantize, 1 if options.combine else len(kernels)
    if few is not None and few.filters not in (1, count):
        raise ParameterError(f"requantize: {few.filters} scales or zero points for {count} maps (one, or one for each)")
    if options.combine:
        return (Step(options.combine, step_title(kernels, options.combine), tuple(kernels), few),)
    own = [None if few is None else few.of(number) for number in range(count)]
    return tuple(Step(kernel.name, kernel.spec, (kernel,), one) for kernel, one in zip(kernels, own, strict=True))


def plain_step(name: str, options: Options) -> Step:
    """Return the step that pools or activates an image without convolving it.

    Raises
    ------
    ParameterError
        If channels are to be summed, which is what a filter does.
    """
    if options.channels == "sum":
        raise ParameterError("--channels sum adds channels up in a filter, and there is none here (each or gray)")
    return Step(name, name)
