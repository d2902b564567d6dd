"""Views: what a release says, as known at an instant."""

from __future__ import annotations
