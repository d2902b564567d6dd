"""Command lines that people are told to type: whole, and right from any folder."""

from __future__ import annotations

import json
import re
import shlex
from importlib.metadata import PackageNotFoundError, distribution
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping


_OPTIONS = {"path": "--lake", "catalog": "--catalog"}
"""The option of a command for each argument of `Lake.open` that names a lake."""


def lake_options(address: Mapping[str, str]) -> dict[str, str]:
    """Return the options with which a command finds a lake again.

    Parameters
    ----------
    address
        The arguments of `Lake.open`: ``path``, which is absolute, or ``catalog``. Of a
        branch no option tells: the name of a release does.

    Examples
    --------
    >>> lake_options({"path": "/data/lake"})
    {'--lake': '/data/lake'}
    """
    known = {name: value for name, value in address.items() if name in _OPTIONS}
    return {_OPTIONS[name]: value for name, value in known.items()}


_ABOUT_A_LAKE = re.compile(
    r"\blakebt (?:branch|doctor|erase|releases|reproduce|retain|tables|trials)"
    r"(?= |`|$|[,.:;])(?! --(?:lake|catalog) )"
)


def located(text: str, address: Mapping[str, str]) -> str:
    """Return a text whose commands name the lake, so that they work in any folder.

    Examples
    --------
    >>> located("Cure: lakebt doctor --restore", {"path": "/data/lake"})
    'Cure: lakebt doctor --lake /data/lake --restore'
    """
    where = "".join(
        f" {option} {shlex.quote(value)}"
        for option, value in lake_options(address).items()
    )
    return _ABOUT_A_LAKE.sub(lambda found: found[0] + where, text)


def install_extra(extra: str) -> str:
    """Return the command that installs what an extra of lakebt needs.

    No index has lakebt, so it is named by the place that it was installed from.
    """
    source, editable = _source()
    if source is None:
        return f"pip install '.[{extra}]' in the folder of lakebt's source"
    option = ["--editable"] if editable else []
    return shlex.join(["pip", "install", *option, f"{source}[{extra}]"])


def _source() -> tuple[str | None, bool]:
    """Return where lakebt was installed from, as PEP 610 keeps it, and if in place."""
    try:
        text = distribution("lakebt").read_text("direct_url.json")
    except PackageNotFoundError:
        text = None
    source = json.loads(text) if text else {}
    url = urlsplit(source.get("url", ""))
    if url.scheme != "file":
        return None, False
    return unquote(url.path), bool(source.get("dir_info", {}).get("editable"))
