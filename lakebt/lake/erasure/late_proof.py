"""The proof of an erasure whose process was killed after its commit.

The next `open` deleted the files, but did not know which values to look for. A repeated
`erase` with the same arguments does: the certificate holds their salted digests.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lakebt.lake.erasure.certificate import (
    erasure_of,
    proof_told,
    salted,
    versions_told,
)
from lakebt.lake.erasure.certificate_edits import without_digests
from lakebt.lake.erasure.object_versions import kept_versions
from lakebt.lake.erasure.proof import prove
from lakebt.lake.erasure.proof_places import contents_of
from lakebt.lake.erasure.survey import Survey

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lakebt.lake.erasure.certificate import Erasure
    from lakebt.lake.erasure.proof import Proof
    from lakebt.lake.erasure.subject import Subject
    from lakebt.lake.storage.catalog import Storage
    from lakebt.lake.storage.erasure_files import ErasureFiles
    from lakebt.lake.storage.reach import Step


def earlier(files: ErasureFiles, subject: Subject) -> dict[str, Any] | None:
    """Return the last certificate that knows a text that a filter asks for.

    None does of what was looked for in vain: it has no digests of that.
    """
    latest = None
    for certificate in files.certificates():
        if certificate["table"] == subject.spec.name and _sought(certificate, subject):
            latest = certificate
    return latest


def _sought(said: Mapping[str, Any], subject: Subject) -> dict[int, str]:
    """Return the texts that a filter asks for, by their numbers in a certificate."""
    numbers = {each.get("digest"): n for n, each in enumerate(said["values"])}
    digests = {salted(said["id"], text): text for text in subject.texts}
    return {numbers[each]: text for each, text in digests.items() if each in numbers}


def proved_late(
    storage: Storage,
    files: ErasureFiles,
    subject: Subject,
    said: Mapping[str, Any],
    step: Step | None,
) -> Erasure | None:
    """Look for the values of a filter, and complete a certificate with the proof.

    Erased values that the filter does not name cannot be looked for; the certificate
    counts them.

    Returns
    -------
    Erasure or None
        None if they were looked for before, and not found.
    """
    sought = _sought(said, subject)
    # Of one that found something, nothing is left once it is done again.
    before = said["proof"] if (said["proof"] or {}).get("ok") else None
    looked_for = set() if before is None else set(before["looked_for"])
    # Of others the digest is gone, for they were not found before.
    looked_for |= {n for n, each in enumerate(said["values"]) if "digest" not in each}
    if sought.keys() <= looked_for:
        return None
    # What rows have now, of which one is a part, is no trace of it.
    words = Survey(storage, subject, step, is_gone=True).words
    order = sorted(sought)
    values = [sought[number] for number in order]
    late_proof = prove(contents_of(storage), values, kept=words.kept, step=step)
    proof = _numbered(late_proof, order)
    record = proof_told(proof, looked_for={*looked_for, *order})
    versions = kept_versions(storage.loaded())
    now = {**said, "proof": record, "versions": versions_told(versions)}
    now = without_digests(now)
    files.certify(now)
    return replace(erasure_of(now), proof=proof, versions=versions)


def _numbered(proof: Proof, order: list[int]) -> Proof:
    """Return a proof that knows values by their numbers in a certificate."""
    return replace(
        proof,
        traces=tuple(replace(each, value=order[each.value]) for each in proof.traces),
        short=tuple(order[number] for number in proof.short),
    )
