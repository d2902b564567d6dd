"""What one portfolio's returns came to: its numbers, defined once, and its tables."""
