"""Sweeps: grids of rules, costs, filters, strategies and releases."""
