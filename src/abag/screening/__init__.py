"""Screening: a library of millions, numbered, predicted, filtered, and the best kept."""
