"""How long those wait who came second."""

from __future__ import annotations

import secrets
import time

ATTEMPTS = 40
"""How often somebody looks again after another one came first."""


def step_back(attempt: int) -> None:
    """Wait before the next attempt: longer each time, and not all for equally long."""
    pause_ms = min(20 * (attempt + 1), 400)
    time.sleep((pause_ms + secrets.randbelow(pause_ms)) / 1000)
