"""Order decisions, before any price: which orders, when, on what was known."""
