"""A program that declares one table in a lake when it is told which.

It takes the lake's folder, says "ready" when the lake is open, reads the name of the
table and what is said of it as one line of JSON, and answers with the class and the
text of the error, both empty if there was none.
"""

from __future__ import annotations

import json
import sys

from lakebt.lake import Lake
from tests.lake.frames import clock


def say(what: str) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    lake = Lake.open(sys.argv[1], clock=clock)
    say("ready")
    table, said = json.loads(sys.stdin.readline())
    answer = ["", ""]
    try:
        lake.declare(table, **said)
    except Exception as error:  # noqa: BLE001 - told to the test
        answer = [type(error).__name__, str(error)]
    say(json.dumps(answer))
