"""Abnormal returns of changes around their events, and tests of them, from arrays."""
