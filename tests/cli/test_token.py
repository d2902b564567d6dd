"""`lakebt token`: a token is shown once, and the file has only what it hashes to."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING

from lakebt.lake.serving import gate, token_file
from lakebt.lake.serving.gate import TokenFile
from tests.forked import python
from tests.lake.frames import NOW

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.cli.conftest import Run


def test_the_command_makes_lists_and_revokes(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    ask_for = ("token", "--tokens", file)
    made = run(*ask_for, "ann", "--scope", "publish", "--days", "1")
    secret_of_ann = made.stdout.strip()
    assert len(secret_of_ann) == 43
    assert "ann may publish until" in made.stderr
    assert file.stat().st_mode & 0o777 == 0o600
    assert secret_of_ann not in file.read_text(encoding="utf-8")
    other = json.loads(run(*ask_for, "bob", "--days", "0", "--json").stdout)[0]
    assert (other["scope"], other["expires"]) == ("read", None)

    held = gate.Gate(TokenFile(file, log=print), now=lambda: NOW)
    assert held.admit(f"Bearer {secret_of_ann}", scope="publish").name == "ann"
    assert held.admit(f"Bearer {other['token']}", scope="read").name == "bob"
    listed = json.loads(run(*ask_for, "--json").stdout)
    assert [(each["name"], each["scope"]) for each in listed] == [
        ("ann", "publish"),
        ("bob", "read"),
    ]
    assert "bob may read for ever" in run(*ask_for).stdout
    assert "opens nothing any more" in run(*ask_for, "ann", "--revoke").stdout
    assert held.find(secret_of_ann) is None
    for words, why in (
        (("bob",), "has a token of bob"),
        (("../x",), "cannot be called '../x'"),
        (("c", "--scope", "root"), "--scope must be one of read, publish, admin"),
        (("c", "--days", "-1"), "--days must be between 0 and 36500"),
        (("c", "--revoke"), "has no token of c: it has bob"),
    ):
        failed = run(*ask_for, *words)
        assert failed.exit_code == 1
        assert why in failed.stderr
        assert failed.stderr.count("\n") == 1


def test_those_who_make_tokens_at_one_instant_lose_none(tmp_path: Path) -> None:
    """Neither an entry that another makes meanwhile, nor one that is not taken out."""
    file = tmp_path / "tokens"

    def start(*words: str) -> subprocess.Popen[str]:
        order = [*python(), "-m", "lakebt", "token", "--tokens", str(file), *words]
        return subprocess.Popen(
            order, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    first = start("first")
    first.communicate()
    assert first.returncode == 0
    there = [start(f"t{number}") for number in range(6)]
    there.append(start("first", "--revoke"))
    told = [each.communicate() for each in there]
    assert [each.returncode for each in there] == [0] * 7, told
    grants = token_file.read(file, what="--tokens")
    assert {each.name for each in grants} == {f"t{number}" for number in range(6)}
    digests = {token_file.digest_of(out.strip()) for out, _ in told[:6]}
    assert {each.digest for each in grants} == digests


def test_a_file_that_somebody_keeps_changing_is_given_up(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_file, "LOCK_SECONDS", 0.0)
    file = tmp_path / "tokens"
    with token_file.held(file):
        failed = run("token", "--tokens", file, "ann")
        assert failed.exit_code == 1
        assert re.search("is being changed by another lakebt token", failed.stderr)
        assert not file.exists()
    assert run("token", "--tokens", file, "ann").exit_code == 0
