"""What becomes of a lake: releases end, others interfere, and it is mended."""

from __future__ import annotations
