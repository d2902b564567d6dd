"""Every error has one base, says what to do, and survives a process pool."""

from __future__ import annotations

import ast
import datetime as dt
import inspect
import pickle
import traceback
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lakebt import errors
from lakebt.lake.publishing.audits.audit_report import AuditReport

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(errors.__file__).parent
TELLING = ("__repr__", "__str__")

KNOWN = dt.datetime(2022, 11, 28, 20, 50, 55, tzinfo=dt.UTC)
NEEDED = dt.datetime(2022, 10, 3, 13, 20, tzinfo=dt.UTC)

EXAMPLES: dict[errors.LakebtError, str] = {
    errors.InvalidArgumentError("gross -1.0 must be positive"): (
        "gross -1.0 must be positive"
    ),
    errors.InvalidDataError("prices", "close is -3.5 in row 7 (PENN, 2022-09-06)."): (
        "prices: close is -3.5 in row 7 (PENN, 2022-09-06). Nothing was published."
    ),
    errors.AuditError(
        "prices",
        "1 row has a high below its low (row 0). Correct the bar.",
        AuditReport(release="R1", as_of=KNOWN, counts=(), found=()),
    ): (
        "prices: 1 row has a high below its low (row 0). Correct the bar. Nothing was "
        "published."
    ),
    errors.UnknownNameError("index", "SP50O", ["NDX", "SP500"]): (
        "unknown index 'SP50O'. Did you mean 'SP500'? Known: NDX, SP500."
    ),
    errors.LookAheadError("removal of PENN from SP500", KNOWN, NEEDED): (
        "removal of PENN from SP500: known at 2022-11-28 20:50:55 UTC, needed before "
        "2022-10-03 13:20:00 UTC. Enter later, use a fact that was public by then, or "
        'pass on_look_ahead="mask" to leave the cell empty.'
    ),
    errors.UntradeableError("no event can be traded"): "no event can be traded",
    errors.LakeError("no lake at ./lake"): "no lake at ./lake",
    errors.ReleaseExistsError("q1_2022", "Q1_2022", "differs in case only"): (
        "release 'Q1_2022' already exists, and 'q1_2022' differs in case only. "
        "A release is write-once: publish under a new name."
    ),
    errors.ReleaseEndedError("Q1_2022", KNOWN, "the vendor asked"): (
        "release 'Q1_2022' ended at 2022-11-28 20:50:55 UTC: the vendor asked. "
        "Read another release: `lake.releases()` lists those that live."
    ),
    errors.BrokenReleaseError("Q1_2022", "prices", "its tag names snapshot 5, not 4"): (
        "release 'Q1_2022' cannot be trusted: table prices: its tag names snapshot 5, "
        "not 4. Read another release, or restore the table from a backup."
    ),
    errors.TableExistsError("earnings", "its key is (symbol), not (symbol, day)"): (
        "table 'earnings' exists already, and its key is (symbol), not (symbol, "
        "day). Declare it as it is, or under another name: nothing but a column that "
        "may be empty can be added to it."
    ),
    errors.ForeignCommitError("prices", None, 7): (
        "table prices was written by something other than lakebt: its head is snapshot "
        "7, the ledger says no snapshot. `lake.doctor()` says by whom, and how to "
        "adopt it or roll it back."
    ),
    errors.ConflictError("another publisher committed first, 8 times"): (
        "another publisher committed first, 8 times"
    ),
    errors.NothingKnownError(NEEDED, KNOWN): (
        "nothing in the lake was known at 2022-10-03T13:20:00+00:00: the earliest "
        "known_at is 2022-11-28T20:50:55+00:00. Ask for a later instant."
    ),
}


def leaves(kind: type[errors.LakebtError]) -> Iterator[type[errors.LakebtError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from leaves(below)


def test_every_error_of_the_module_has_an_example() -> None:
    defined = {kind for kind in leaves(errors.LakebtError) if kind.__module__}
    here = {kind for kind in defined if kind.__module__ == errors.__name__}

    assert here - {errors.LakebtError} == {type(error) for error in EXAMPLES}


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_message_says_what_where_and_what_next(error: errors.LakebtError) -> None:
    assert str(error) == EXAMPLES[error]


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_error_survives_a_process_pool(error: errors.LakebtError) -> None:
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes

    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)


@pytest.mark.parametrize(
    "kind",
    [
        errors.InvalidArgumentError,
        errors.InvalidDataError,
        errors.NothingKnownError,
        errors.UnknownNameError,
    ],
)
def test_bad_argument_is_a_value_error_too(kind: type[errors.LakebtError]) -> None:
    assert issubclass(kind, ValueError)


def test_unknown_name_is_matched_whatever_its_case() -> None:
    error = errors.UnknownNameError("symbol", "penn", ["PVH", "PENN"])

    assert "Did you mean 'PENN'?" in str(error)


def test_unknown_name_with_nothing_like_it_gives_no_hint() -> None:
    assert str(errors.UnknownNameError("fund", "IVV", [])) == (
        "unknown fund 'IVV'. Known: none."
    )


def test_unknown_name_shows_ten_of_many() -> None:
    error = errors.UnknownNameError("symbol", "?", [f"S{i:02}" for i in range(15)])

    assert str(error).endswith("S08, S09 and 5 more.")


@pytest.mark.parametrize("n", [0, 1, 9, 10, 11, 2500])
def test_a_message_lists_ten_at_most_and_says_how_many_more(n: int) -> None:
    things = [f"C{number}" for number in range(n)]

    told = errors.listed(things)

    assert [
        thing for thing in things if thing in told.split(" and ")[0].split(", ")
    ] == (things[:10])
    assert told.endswith(f"and {n - 10:,} more") == (n > 10)


@pytest.mark.parametrize(
    "given",
    [list(range(2500)), tuple("abcdefghijklmnop" * 9), "x" * 50_000, {1: [2] * 900}],
)
def test_what_somebody_passed_takes_a_line_in_a_message(given: object) -> None:
    told = str(errors.InvalidArgumentError(f"hedge {given!r} is not a text: pass it"))
    unknown = str(errors.UnknownNameError("side", str(given), ["both"]))

    assert max(map(len, (told, unknown))) < 250
    assert told.startswith("hedge ")
    if not isinstance(given, str):
        assert " more" in told
        assert told.endswith("is not a text: pass it")


WILD = "a\x1b[2J\x1b]0;title\x07b\x9b31m\u202ec\u2066d\u200be\rf"
"""What clears a screen, names a window, rings, colours, and turns text around."""


def wild(kind: type[Exception]) -> Exception:
    """Return an error, or a warning, every word of which is somebody's."""
    count = len(inspect.signature(kind.__init__).parameters) - 1
    each: list[Any] = [WILD] * count if count > 1 else [WILD]
    if kind is errors.LookAheadError:
        each[1:] = KNOWN, NEEDED
    elif kind is errors.NothingKnownError:
        each = [KNOWN, None]
    elif kind is errors.ReleaseEndedError:
        each[1] = KNOWN
    elif kind is errors.ReleaseExistsError:
        each[3] = KNOWN
    elif kind is errors.AuditWarning:
        each = [types.SimpleNamespace(summary=WILD)]
    return kind(*each)


@pytest.mark.parametrize(
    "kind", [each for each in vars(errors).values() if inspect.isclass(each)]
)
def test_a_traceback_obeys_no_word_of_others(kind: type[Exception]) -> None:
    if not issubclass(kind, Exception):
        return
    said = "".join(traceback.format_exception(wild(kind)))

    assert all(c == "\n" or c.isprintable() for c in said)
    assert r"\x1b[2J" in said or kind is errors.NothingKnownError


@pytest.mark.slow
def test_what_tells_of_others_words_is_told_as_words() -> None:
    """Each `__repr__` and `__str__`, but for those that hold no word of others."""
    own = {
        *(
            "CostModel",
            "_Rule",
            "Sessions",
            "SweepResult",
            "ViewObject",
        ),  # numbers, and our words
        *("Study", "Result", "TradedStudy", "TearSheet"),  # by `printable` titles
        "Hindsight",  # rules, which are parsed
        *("LakebtError", "LedgerWarning", "AuditWarning", "SettingsWarning"),
    }
    found = set()
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                found |= {node.name for each in node.body if tells_raw(each)}

    assert found == own


def tells_raw(node: ast.stmt) -> bool:
    """Whether it is a `__repr__` or `__str__` without the decorator."""
    if not isinstance(node, ast.FunctionDef) or node.name not in TELLING:
        return False
    return not any(ast.unparse(each) == "as_words" for each in node.decorator_list)


def test_a_message_of_a_line_stays_as_it_is() -> None:
    told = "entries ['AD+1@open', 'ED@close'] (two of them) hold {nothing}: leave them"

    assert str(errors.InvalidArgumentError(told)) == told


def test_a_thing_that_is_too_long_is_cut() -> None:
    assert errors.listed(["x" * 50_000]) == "x" * 99 + "…"


def test_name_of_a_release_that_ended_is_not_free() -> None:
    error = errors.ReleaseExistsError("q1", "Q1", "would take its name", KNOWN)

    assert str(error) == (
        "release 'Q1' existed until 2022-11-28 20:50:55 UTC, and 'q1' would take its "
        "name. A name is used once, even after its release has ended: publish under a "
        "new name."
    )


def test_fact_that_was_never_known_says_so() -> None:
    error = errors.LookAheadError("effective date of PENN", None, None)

    assert str(error).startswith("effective date of PENN: never known. Enter later")


def test_empty_lake_asks_for_a_release() -> None:
    assert str(errors.NothingKnownError(KNOWN, None)).endswith(
        "the lake is empty. Publish a release first."
    )
