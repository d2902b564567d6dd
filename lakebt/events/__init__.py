"""What changed in the index, and when each order on it must be sent."""
