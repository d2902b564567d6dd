"""Views: a release, as known at an instant."""

from __future__ import annotations
