"""Chance, drawn again: blocks of the calendar, flipped signs, and the best of many."""
