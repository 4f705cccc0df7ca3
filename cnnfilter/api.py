"""The public functions that take a kernel: a spec string becomes weights here, then the core computes."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from numpy.typing import ArrayLike

from cnnfilter.core import conv, transpose

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def _reads_specs(
    function: Callable[Concatenate[ArrayLike, Any, Arguments], Result],
) -> Callable[Concatenate[ArrayLike, Any, Arguments], Result]:
    """Let the kernel of `function` also be a spec such as ``sobel-x`` or ``gaussian:sigma=2``."""

    @wraps(function)
    def with_spec(image: ArrayLike, kernel: Any, *arguments: Arguments.args, **options: Arguments.kwargs) -> Result:
        if isinstance(kernel, str):
            from cnnfilter.library import load_kernel

            kernel = load_kernel(kernel)
        return function(image, kernel, *arguments, **options)

    return cast("Callable[Concatenate[ArrayLike, Any, Arguments], Result]", with_spec)


conv2d = _reads_specs(conv.conv2d)
conv_transpose2d = _reads_specs(transpose.conv_transpose2d)
