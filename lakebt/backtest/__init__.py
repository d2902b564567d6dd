"""What it earned: target weights, positions, costs, gross returns, net returns."""
