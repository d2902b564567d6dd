"""From what a publisher hands over to a release."""

from __future__ import annotations
