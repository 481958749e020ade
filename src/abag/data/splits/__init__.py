"""Divide a table so that training and test share no row, complex, antibody or antigen."""

from abag.data.splits.split import TEST, TRAIN, UNUSED, VALIDATION, Split
from abag.data.splits.strategies import Strategy, make_split

__all__ = ["TEST", "TRAIN", "UNUSED", "VALIDATION", "Split", "Strategy", "make_split"]
