"""Prices and corporate actions with all their vintages, for the symbols of a study."""
