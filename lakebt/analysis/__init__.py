"""What it means: the Sharpe ratio, its standard error, and the path of an event."""
