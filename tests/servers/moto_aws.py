"""Moto's server: Glue and S3 as Amazon has them, as far as tests need them."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import secrets
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from tests.servers.running import PATIENCE_SECONDS, free_port, skip, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = Path(__file__).with_name("moto_program.py")

REGION = "us-east-1"


@dataclass(frozen=True)
class Aws:
    """The services of one account, empty after `reset`.

    Attributes
    ----------
    endpoint
        Where all of them answer.
    key_id, secret
        Any will do: it checks none.
    """

    endpoint: str
    key_id: str
    secret: str

    @property
    def keys(self) -> dict[str, str]:
        """What the usual chain of credentials begins with."""
        return {
            "AWS_ACCESS_KEY_ID": self.key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
        }

    def reset(self) -> str:
        """Forget all that was in it, and return the name of a new bucket."""
        name = f"lake-{secrets.token_hex(4)}"
        with requests.Session() as session:
            session.trust_env = False
            session.post(f"{self.endpoint}/moto-api/reset", timeout=PATIENCE_SECONDS)
            made = session.put(f"{self.endpoint}/{name}", timeout=PATIENCE_SECONDS)
        made.raise_for_status()
        return name


@contextlib.contextmanager
def aws() -> Iterator[Aws]:
    """Run moto's server, or skip."""
    for needed in ("moto", "flask", "flask_cors", "boto3"):
        if importlib.util.find_spec(needed) is None:
            skip("moto", f"{needed} is not installed: pip install -e '.[dev]'")
    port = free_port()
    server = Aws(
        endpoint=f"http://127.0.0.1:{port}",
        key_id=f"AKIA{secrets.token_hex(8).upper()}",
        secret=secrets.token_hex(20),
    )
    process = subprocess.Popen(
        [sys.executable, str(PROGRAM), "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **server.keys},
    )

    def answers() -> bool:
        with contextlib.suppress(requests.RequestException), requests.Session() as asks:
            asks.trust_env = False
            return asks.get(f"{server.endpoint}/moto-api/", timeout=5).ok
        return False

    try:
        if not wait_until(answers, alive=lambda: process.poll() is None):
            pytest.fail("moto's server did not start")
        yield server
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE_SECONDS)
