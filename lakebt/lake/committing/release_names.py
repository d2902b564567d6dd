"""What releases and branches may be called, and which branch a release is of."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from lakebt.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterable


_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}\Z")


def branch_in(name: object) -> str | None:
    """Return which branch a release is of by its name; None for main.

    Examples
    --------
    >>> branch_in("cleaned.R2"), branch_in("R2")
    ('cleaned', None)
    """
    branch, dot, _ = name.partition(".") if isinstance(name, str) else ("", "", "")
    return branch if dot else None


def on(branch: str | None, name: Any) -> Any:
    """Return the full name of a branch's release, with the branch before it."""
    if branch is None or not isinstance(name, str) or branch_in(name) is not None:
        return name
    return f"{branch}.{name}"


def check_name(name: object, *, branches: Iterable[str] = ()) -> None:
    """Check that a release may be called `name`.

    Raises
    ------
    InvalidArgumentError
        If it breaks the grammar, or is reserved.
    """
    branch = branch_in(name)
    own = name.partition(".")[2] if branch is not None else name  # type: ignore[attr-defined]  # it is a text
    if not (
        isinstance(own, str)
        and _NAME.match(own)
        and (branch is None or _NAME.match(branch))
    ):
        raise InvalidArgumentError(unusable(name))
    taken = set() if branch is not None else {each.lower() for each in branches}
    if _is_reserved(own) or own.lower() in taken:
        msg = (
            f"release name {name!r} is reserved: a tag of that name would replace a "
            f"branch. Choose another"
        )
        raise InvalidArgumentError(msg)


def unusable(name: object) -> str:
    """Return the error for an unusable release name, with the cure."""
    return (
        f"release name {name!r} cannot be used: start with a letter, then at most "
        f"63 letters, digits, - or _, as in Q3_2022"
    )


def check_branch(name: object) -> None:
    """Check that a branch may be called `name`.

    Raises
    ------
    InvalidArgumentError
        If it breaks the grammar, or is reserved.
    """
    if not (isinstance(name, str) and _NAME.match(name)):
        msg = (
            f"branch name {name!r} cannot be used: start with a letter, then at most "
            f"63 letters, digits, - or _, as in cleaned"
        )
        raise InvalidArgumentError(msg)
    if _is_reserved(name):
        msg = f"branch name {name!r} is reserved. Choose another"
        raise InvalidArgumentError(msg)


def _is_reserved(name: str) -> bool:
    return name.lower() == "main" or name.lower().startswith("lakebt-")
