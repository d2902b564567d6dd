"""From orders to equity: sizes, fills, costs, gross and net returns."""
