"""`lakebt token`: a token is shown once, and the file has only what it hashes to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lakebt.lake.serving import gate
from lakebt.lake.serving.gate import TokenFile
from tests.lake.frames import NOW

if TYPE_CHECKING:
    from pathlib import Path

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
