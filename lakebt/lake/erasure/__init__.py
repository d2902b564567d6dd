"""Erasure: what must not be kept leaves every release, and every byte of the lake."""
