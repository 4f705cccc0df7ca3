"""Pages to explore: one file of HTML each, which loads nothing from anywhere."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined

from cnnfilter.files import printable

#: Pages that act; the others are only looked at.
_SCRIPTED = ("convolve", "network")


def _read(name: str) -> str:
    """Return a file beside this one."""
    return (files(__package__) / name).read_text(encoding="utf-8")


def convolution_page(
    title: str, data: Mapping[str, Any], png: bytes, *, facts: str, follows: str, notes: Sequence[str]
) -> str:
    """Return the page on which a convolution is explored."""
    return _page("convolve", title, data, picture=_uri(png), facts=facts, follows=follows, notes=notes)


def network_page(title: str, data: Mapping[str, Any], png: bytes, *, facts: str, notes: Sequence[str]) -> str:
    """Return the page on which the layers of a network are explored."""
    return _page("network", title, data, picture=_uri(png), facts=facts, notes=notes)


def batch_page(title: str, rows: Sequence[Mapping[str, Any]], *, facts: str, notes: Sequence[str]) -> str:
    """Return the page that lists what a batch made."""
    return _page("batch", title, {}, rows=rows, facts=facts, notes=notes)


def _page(name: str, title: str, data: Mapping[str, Any], **words: Any) -> str:
    """Return a page: its template with everything in it, escaped; only its own style and script may act."""
    data, words = _visible(data), _visible(words)
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, loader=FunctionLoader(_read), trim_blocks=True, lstrip_blocks=True
    )
    style = _read("page.css")
    script = _read("page.js") + _read(f"{name}.js") if name in _SCRIPTED else ""
    acts = f"script-src '{_digest(script)}'" if script else "script-src 'none'"
    looks = f"style-src '{_digest(style)}'"
    policy = "; ".join(("default-src 'none'", "img-src data:", looks, acts, "base-uri 'none'", "form-action 'none'"))
    from markupsafe import Markup  # what must not be escaped: our own files, and data whose signs are

    plain = json.dumps(data, separators=(",", ":"), allow_nan=False)
    for sign in "<>&":
        plain = plain.replace(sign, f"\\u{ord(sign):04x}")
    template = environment.get_template(f"{name}.html.j2")
    return template.render(
        title=printable(title), data=data, policy=policy, style=Markup(style), script=Markup(script),
        json=Markup(plain), **words,
    )  # fmt: skip


def _visible(value: Any) -> Any:
    """Return data with every text in it printable: marks that turn a line around stand as escapes."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, Mapping):
        return {key: _visible(one) for key, one in value.items()}
    return list(map(_visible, value)) if isinstance(value, list | tuple) else value


def _digest(text: str) -> str:
    """Return the word of a policy that allows exactly this text."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _uri(png: bytes) -> str:
    """Return a picture as an address that holds it."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
