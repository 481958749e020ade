"""Scores: metrics, intervals, groups and checks."""
