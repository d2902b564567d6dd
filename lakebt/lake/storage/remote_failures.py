"""What object stores and remote catalogs raise, in one line with the cure."""

from __future__ import annotations

import re
from typing import Any

from pyiceberg.exceptions import (
    AuthorizationExpiredError,
    ForbiddenError,
    OAuthError,
    UnauthorizedError,
)

_AWS = re.compile(r"AWS Error ([A-Z_]+(?: \(HTTP status \d+\))?)")
_BUCKET = re.compile(r"bucket '([^']+)'")
_CURL = re.compile(r"curlCode: \d+, ([^;]+)")
_HOST = re.compile(r"host='([^']+)', port=(\d+)")

_UNANSWERED = {"requests.exceptions.ConnectionError", "requests.exceptions.Timeout"}
"""By name: they are imported only with a REST catalog."""

_DENIED = re.compile(
    r"ACCESS_?DENIED|FORBIDDEN|HTTP status 40[13]|SIGNATURE|EXPIRED|TOKEN"
    r"|INVALID_?ACCESS_?KEY|INVALID_?CLIENT|UNRECOGNIZED_?CLIENT",
    re.IGNORECASE,
)
_CHAIN = "(AWS_ACCESS_KEY_ID, AWS_PROFILE, a role)"
_CREDENTIALS = f"Check the credentials that the usual chain finds {_CHAIN}"
_AGAIN = "Check that it runs, and its address, and try again"


def refused(error: BaseException) -> str | None:
    """Say in one line what is wrong, and the cure; None if it is something else.

    Parameters
    ----------
    error
        What Arrow's file system, requests, pyiceberg's REST client or botocore raised.
    """
    if type(error).__module__.startswith("botocore."):
        return _of_botocore(error)
    text = str(error)
    if refusal := _AWS.search(text):
        return _of_store(refusal.group(1), text)
    if _UNANSWERED & _kinds(error):
        place = _HOST.search(text)
        who = "its server" if place is None else ":".join(place.groups())
        return f"cannot be used: nobody answers at {who} ({_why(text)}). {_AGAIN}"
    if isinstance(
        error,
        (AuthorizationExpiredError, ForbiddenError, OAuthError, UnauthorizedError),
    ):
        reason = text.splitlines()[0].removesuffix(".") if text else "not authorized"
        if "lakebt" in reason:  # its own server, which says what to do instead
            return f"refuses it: {reason.removeprefix('ForbiddenException: ')}"
        return f"cannot be used: {reason}. Check its credential or its token"
    return None


def is_silent(error: BaseException) -> bool:
    """Whether a store did not answer several times, or a catalog said nothing."""
    is_store = isinstance(error, OSError) and bool(_CURL.search(str(error)))
    return is_store or "requests.exceptions.Timeout" in _kinds(error)


def _kinds(error: BaseException) -> set[str]:
    return {f"{kind.__module__}.{kind.__name__}" for kind in type(error).__mro__}


def _of_store(code: str, text: str) -> str | None:
    """Say what Arrow's S3 file system has met with."""
    match = _BUCKET.search(text)
    bucket = "its bucket" if match is None else f"bucket {match.group(1)!r}"
    if curl := _CURL.search(text):
        store = "the object store"
        if match is not None:
            store = f"the object store of {bucket}"
        why = curl.group(1).strip()
        why = why[:1].lower() + why[1:]  # the rest has names, as SSL
        return f"cannot be used: {store} does not answer ({why}). {_AGAIN}"
    if code == "NO_SUCH_BUCKET":
        cure = "Make it, or correct the catalog's warehouse"
        return f"cannot be used: there is no {bucket}. {cure}"
    if "301" in code:
        cure = "Set s3.region to the region it is in"
        return f"cannot be used: {bucket} is in another region. {cure}"
    if _DENIED.search(code):
        what = "and what they may do there"
        return f"cannot be used: {bucket} refuses access. {_CREDENTIALS}, {what}"
    return f"cannot be used: {bucket} does not do what is asked ({code}). Try again"


def _of_botocore(error: Any) -> str:
    """Say what the client of Glue has met with."""
    kind = type(error).__name__
    if kind == "NoCredentialsError":
        return f"cannot be used: the usual chain finds no credentials {_CHAIN}"
    if kind == "NoRegionError":
        cure = "Set AWS_DEFAULT_REGION, or its glue.region"
        return f"cannot be used: it has no region. {cure}"
    if kind == "ProfileNotFound":
        return f"cannot be used: {error}. Check AWS_PROFILE"
    if url := getattr(error, "kwargs", {}).get("endpoint_url"):
        why = _why(f"{kind} {error}")
        return f"cannot be used: nobody answers at {url} ({why}). {_AGAIN}"
    response: dict[str, Any] = getattr(error, "response", {})
    code = response.get("Error", {}).get("Code", kind)
    if _DENIED.search(code):
        return f"cannot be used: AWS refuses access ({code}). {_CREDENTIALS}"
    return f"cannot be used: AWS does not do what is asked ({code}). Try again"


def _why(text: str) -> str:
    lowered = text.lower()
    for sign, why in (
        ("refused", "connection refused"),
        ("resolve", "no such host"),
        ("timed out", "no answer in time"),
        ("timeout", "no answer in time"),
        ("could not connect", "no connection"),
    ):
        if sign in lowered:
            return why
    return "the connection was cut"
