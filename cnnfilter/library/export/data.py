"""Kernel files: YAML and JSON as this program reads them, and npy."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence

import numpy as np

from cnnfilter.library.export.text import header, whole
from cnnfilter.library.generators.grid import Array
from cnnfilter.library.kernel import FilterBank, Kernel
from cnnfilter.library.numbers import digits


def _entry(kernel: Kernel) -> dict[str, str]:
    """Return the keys of an entry that are text."""
    words = {
        "title": kernel.title or kernel.name, "family": kernel.family or "own",
        "source": kernel.source or "written in place", "formula": kernel.formula,
    }  # fmt: skip
    return {key: value for key, value in words.items() if value}


def _matrix(weights: Array) -> tuple[str, Array]:
    """Return a scale as text, and the numbers that it stands before."""
    found = whole(weights)
    if found is None:
        return "", weights
    return ("" if found[0] == 1 else str(found[0])), found[1]


def json_file(kernels: Sequence[Kernel]) -> bytes:
    """Return a JSON kernel file."""
    entries = []
    for kernel in kernels:
        scale, numbers = _matrix(kernel.weights)
        lines = [f"      {json.dumps(key)}: {json.dumps(value)}," for key, value in _entry(kernel).items()]
        lines += [f'      "scale": {json.dumps(scale)},'] if scale else []
        lines += [f'      "offset": {digits(kernel.offset)},'] if kernel.offset else []
        body = _json_rows(numbers, "        ")
        entries.append(
            f"    {json.dumps(kernel.name)}: {{\n" + "\n".join(lines) + f'\n      "matrix": [\n{body}\n      ]\n    }}'
        )
    return ('{\n  "kernels": {\n' + ",\n".join(entries) + "\n  }\n}\n").encode()


def _json_rows(numbers: Array, indent: str) -> str:
    """Return the rows of a matrix, one a line."""
    if numbers.ndim == 3:
        return ",\n".join(f"{indent}[\n{_json_rows(plane, indent + '  ')}\n{indent}]" for plane in numbers)
    return ",\n".join(f"{indent}[{', '.join(digits(value) for value in row)}]" for row in numbers)


def yaml_file(kernels: Sequence[Kernel]) -> bytes:
    """Return a YAML kernel file."""
    parts = [header(kernels[0]) if len(kernels) == 1 else "", "kernels:\n"]
    for kernel in kernels:
        scale, numbers = _matrix(kernel.weights)
        parts.append(f"  {json.dumps(kernel.name)}:\n")
        parts += [f"    {key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in _entry(kernel).items()]
        parts.append("    matrix:\n" + _yaml_rows(numbers, "      "))
        parts += [f"    scale: {scale}\n"] if scale else []
        parts += [f"    offset: {digits(kernel.offset)}\n"] if kernel.offset else []
    return "".join(parts).encode()


def _yaml_rows(numbers: Array, indent: str) -> str:
    """Return the rows of a matrix, one a line."""
    if numbers.ndim == 3:
        return "".join(f"{indent}-\n{_yaml_rows(plane, indent + '  ')}" for plane in numbers)
    return "".join(f"{indent}- [{', '.join(digits(value) for value in row)}]\n" for row in numbers)


def npy_file(kernels: Sequence[Kernel]) -> bytes:
    """Return an npy file: ``(kH, kW)`` or ``(C, kH, kW)`` for one kernel, ``(K, C, kH, kW)`` for several."""
    file = io.BytesIO()
    values = kernels[0].weights if len(kernels) == 1 else FilterBank(kernels[0].name, tuple(kernels)).weights
    np.save(file, np.ascontiguousarray(values))
    return file.getvalue()
