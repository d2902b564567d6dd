"""What a certificate forgets: what was not found, and values of later erasures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lakebt.lake.erasure.substitution import Words


def without_digests(certificate: Mapping[str, Any]) -> dict[str, Any]:
    """Return a certificate without the digests of values that are gone.

    With a list of all tickers, the digests would reveal which one was erased.
    """
    proof = certificate.get("proof") or {}
    done = set(proof["looked_for"]) if proof.get("ok") else set()
    values = [
        {k: v for k, v in value.items() if k != "digest" or number not in done}
        for number, value in enumerate(certificate.get("values", ()))
    ]
    return {**certificate, **({"values": values} if values else {})}


_AS_THEY_ARE = frozenset(
    {"id", "at", "lakebt", "table", "column", "columns", "sha256", "digest", "kind"}
    | {"where", "out_of_reach"}
)
"""Fields of a certificate without texts of users: words, names, times, digests."""


def without_values(certificate: Mapping[str, Any], words: Words) -> dict[str, Any]:
    """Return a certificate without the values of a later erasure.

    They are taken out of what somebody wrote, and out of paths. In a digest, a date or
    a word of the certificate's own, the same characters say nothing.
    """
    return {name: _freed(name, value, words) for name, value in certificate.items()}


def _freed(name: str, said: Any, words: Words) -> Any:
    if name in _AS_THEY_ARE:
        return said
    if name == "rows_by_release" and isinstance(said, dict):
        return hidden_rows(said, words)
    if isinstance(said, dict):
        return without_values(said, words)
    if isinstance(said, list):
        return [_freed(name, each, words) for each in said]
    return words.without(said) if isinstance(said, str) else said


def hidden_rows(rows: Mapping[str, int], words: Words) -> dict[str, int]:
    """Return rows by release, without values in the names; two may become alike."""
    hidden: dict[str, int] = {}
    for name, n_rows in rows.items():
        text, number = words.without(name), 1
        while text in hidden:
            number += 1
            text = f"{words.without(name)} ({number})"
        hidden[text] = n_rows
    return hidden
