"""Columns of numbers and ids: their headers, their cells, and columns that repeat others."""
