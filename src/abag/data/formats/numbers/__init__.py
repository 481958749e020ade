"""Columns of numbers and ids: what their headers say, what their cells hold, what repeats what."""
