"""A page: a template, its figures, and Plotly itself, in one file."""

from __future__ import annotations

import contextlib
import functools
import secrets
from typing import TYPE_CHECKING, Any, TypeAlias

from lakebt.errors import InvalidArgumentError
from lakebt.inputs.places import local_path
from lakebt.report.packing import base64_gzip
from lakebt.report.palette import THEMES

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import jinja2
    from markupsafe import Markup


Figures: TypeAlias = "dict[str, Callable[..., Any]]"
"""What makes each figure of a theme, by the id of its place in the page."""


@functools.cache
def _environment() -> jinja2.Environment:
    import jinja2  # noqa: PLC0415 - only reports need it

    environment = jinja2.Environment(
        autoescape=True,
        loader=jinja2.PackageLoader("lakebt.report"),
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["ticked"] = _ticked
    return environment


def _ticked(text: str) -> Markup:
    """Set what stands between backticks as code."""
    from markupsafe import Markup, escape  # noqa: PLC0415 - comes with jinja2

    parts = [escape(part) for part in text.split("`")]
    return Markup().join(
        Markup("<code>{}</code>").format(part) if number % 2 else part
        for number, part in enumerate(parts)
    )


def render(template: str, *, figures: Figures, **values: object) -> str:
    """Fill a template, with each figure in both themes and Plotly itself.

    Parameters
    ----------
    template
        Its file name.
    figures
        What makes each figure, by the id of its place in the page.
    **values
        What the template names.
    """
    drawn: Mapping[str, str] = {
        name: ", ".join(
            f'"{theme}": {figure(theme=theme).to_json()}' for theme in THEMES
        )
        for name, figure in figures.items()
    }
    specs = ", ".join(f'"{name}": {{{themes}}}' for name, themes in drawn.items())
    return (
        _environment()
        .get_template(template)
        .render(
            figures=base64_gzip(f"{{{specs}}}".encode()), plotly=_plotly(), **values
        )
    )


@functools.cache
def _plotly() -> str:
    """Return Plotly itself, compressed: 2 MB of text instead of 5."""
    from plotly.offline import get_plotlyjs  # noqa: PLC0415 - slow to import

    return base64_gzip(get_plotlyjs().encode())


def write(page: str, path: str | os.PathLike[str]) -> Path:
    """Write aside, then rename: a reader sees the whole file or the one before.

    Parameters
    ----------
    page
        The HTML.
    path
        Where.

    Raises
    ------
    InvalidArgumentError
        If the folder does not exist, or the file cannot be written.
    """
    target = local_path(path, what="file", cure="name a file of this machine")
    if not target.name:
        msg = f"cannot write {target}: it names no file. Name one, report.html"
        raise InvalidArgumentError(msg)
    aside = target.with_name(f".lakebt-{secrets.token_hex(8)}")
    try:
        _check(target)
        aside.write_text(page, encoding="utf-8")
        aside.replace(target)
    except OSError as problem:
        with contextlib.suppress(OSError):  # as of a name that is too long
            aside.unlink(missing_ok=True)
        msg = f"cannot write {target}: {problem.strerror}. Choose another place"
        raise InvalidArgumentError(msg) from None
    return target


def _check(target: Path) -> None:
    if not target.parent.is_dir():
        msg = (
            f"cannot write {target}: the folder {target.parent} does not exist. Create "
            f"it, or choose another place"
        )
        raise InvalidArgumentError(msg)
    if target.is_dir():
        msg = f"cannot write {target}: it is a folder. Name a file in it, report.html"
        raise InvalidArgumentError(msg)
