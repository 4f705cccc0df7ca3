"""What a word that names no kernel may have meant: by what it does, by name, alias and title. No NumPy here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cnnfilter.errors import UnknownNameError, closest
from cnnfilter.library.numbers import describe
from cnnfilter.library.spec import KERNEL_SUFFIXES, canonical

if TYPE_CHECKING:
    from cnnfilter.library.catalog import Entry

#: What people call a kernel by its job, and what does it; the first is what a beginner looks for.
JOBS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(
        ("edge", "edges", "edge-filter", "edge-detector", "canny"), ("edge-detect", "sobel", "laplacian-4")
    ),
    **dict.fromkeys(("gradient", "derivative", "nabla"), ("sobel", "scharr-x", "central-x")),
    **dict.fromkeys(("laplace", "laplacian"), ("laplacian-4", "laplacian-8", "log")),
    **dict.fromkeys(("sharp", "sharpness", "sharpening"), ("sharpen", "unsharp")),
    **dict.fromkeys(("blur", "lowpass", "low-pass", "denoise", "noise"), ("box", "gaussian", "motion")),
    **dict.fromkeys(("smooth", "smoothing", "smoother"), ("pillow-smooth", "gaussian", "box")),
    **dict.fromkeys(("highpass", "high-pass"), ("edge-detect", "high-boost")),
    **dict.fromkeys(("relief", "embossing", "3d"), ("emboss", "bank:emboss")),
    **dict.fromkeys(("line", "line-detector"), ("line-horizontal", "line-vertical", "bank:lines")),
    **dict.fromkeys(("corner", "corner-detector", "harris"), ("corner-ne", "bank:corners")),
    **dict.fromkeys(("compass", "direction", "directions"), ("bank:kirsch", "bank:robinson")),
    **dict.fromkeys(("texture", "textures"), ("bank:laws-5", "bank:gabor-8")),
    **dict.fromkeys(("horizontal", "horizontal-edge"), ("sobel-y", "line-horizontal")),
    **dict.fromkeys(("vertical", "vertical-edge"), ("sobel-x", "line-vertical")),
    **dict.fromkeys(("none", "nothing", "original", "copy"), ("identity",)),
}

_PICTURE = "a picture is no kernel: it stands before -k"
#: Endings of files that are no kernels, and what to do about each.
FOREIGN: dict[str, str] = {
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".gif", ".bmp", ".pgm", ".ppm"), _PICTURE),
    **dict.fromkeys((".pt", ".pth", ".ckpt", ".bin"), "save its tensors as .safetensors, or one as .npy"),
    **dict.fromkeys((".h5", ".hdf5", ".keras", ".pb", ".tflite"), "export the model to .onnx, or one array to .npy"),
    **dict.fromkeys((".xls", ".xlsx", ".ods", ".numbers"), "save the sheet as .csv"),
    **dict.fromkeys((".m", ".py", ".c", ".h", ".cpp"), "put the matrix into a .txt, or write it in quotes"),
}


def no_file(text: str) -> str:
    """Return why a word that looks like a file is no kernel file.

    Examples
    --------
    >>> no_file("photo.png")
    "'photo.png' is no kernel file (a picture is no kernel: it stands before -k)"
    """
    endings = f"{', '.join(KERNEL_SUFFIXES[:-1])} or {KERNEL_SUFFIXES[-1]}"
    hint = FOREIGN.get(Path(text).suffix.lower(), f"a kernel file ends in {endings}")
    return f"{describe(text)} is no kernel file ({hint})"


def looks_like_a_file(text: str) -> bool:
    """Return whether a word ends as names of files do."""
    return re.search(r"[^.\s]\.[A-Za-z][A-Za-z0-9]{0,9}$", text) is not None


def unknown(name: str, kind: str, visible: Sequence[Entry]) -> UnknownNameError:
    """Return the error for a name that no file knows; it offers the nearest by job, name, alias and title."""
    other = "bank" if kind == "kernel" else "kernel"
    if any(entry.kind == other and name in (entry.name, *entry.aliases) for entry in visible):
        how = f"bank:{name}" if other == "bank" else name
        return UnknownNameError(f"{describe(name)} is a {other}, not a {kind} (write {how})")
    if kind == "kernel" and looks_like_a_file(name):
        return UnknownNameError(no_file(name))
    near = nearest(name, kind, visible)
    hint = f"did you mean {' or '.join(near)}?" if near else "cnnfilter kernels list shows all"
    return UnknownNameError(f"unknown {kind} {describe(name)} ({hint})")


def nearest(name: str, kind: str, visible: Sequence[Entry], count: int = 3) -> list[str]:
    """Return how to type up to `count` kernels and banks that a name may have meant, best first."""
    known = {_typed(entry, kind) for entry in visible}
    wanted_last = sorted(visible, key=lambda entry: entry.kind == kind)  # and so found where a name means both
    typed = {text: _typed(entry, kind) for entry in wanted_last for text in (entry.name, *entry.aliases)}
    found = [spec for spec in JOBS.get(name, ()) if spec in known]
    if not found:
        found += [typed[text] for text in closest(name, list(typed))]
    if len(name) > 2:
        found += [_typed(entry, kind) for entry in sorted(visible, key=_by_name) if _has_word(name, entry)]
    return list(dict.fromkeys(found))[:count]


def _typed(entry: Entry, kind: str) -> str:
    """Return how an entry is typed where a kernel, or a bank's bare name, is expected."""
    return entry.name if entry.kind == kind else f"{'bank:' * (entry.kind == 'bank')}{entry.name}"


def _by_name(entry: Entry) -> tuple[bool, int, str]:
    """Return what puts kernels before banks, and short names before long ones."""
    return (entry.kind == "bank", len(entry.name), entry.name)


def _has_word(word: str, entry: Entry) -> bool:
    """Return whether a word of the entry's names, title or family begins with `word`."""
    texts = (entry.name, *entry.aliases, entry.title.lower(), entry.family)
    return any(part.startswith(word) for text in texts for part in re.findall(r"\w+", text))


def choice_note(name: str, entry: Entry) -> tuple[str, ...]:
    """Return a note where a name as it was typed means a job, or both directions of a gradient, and `entry` is one.

    Parameters
    ----------
    name
        Without parameters: these make the choice.
    """
    banks = entry.document.value.get("banks", {}) if entry.family == "gradient" else {}
    for key, bank in banks.items():
        if name in map(canonical, (key, *bank.get("aliases", ()))):
            members = ", ".join(bank["kernels"])
            shown = members if len(members) < 60 else bank.get("title", members[:60])
            return (f"{name!r} alone is one kernel; bank:{name} is all of them: {shown}",)
    others = [spec for spec in JOBS.get(name, ()) if spec != entry.name]
    return (f"{name!r} is {entry.name} here (others: {', '.join(others)})",) if others else ()
