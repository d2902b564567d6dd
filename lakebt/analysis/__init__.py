"""From equity to statistics: Sharpe ratios with errors, and paths of events."""
