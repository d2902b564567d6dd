"""Everything at once: grids of rules, costs, filters, strategies and releases."""
