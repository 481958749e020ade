"""Honest figures: metrics, intervals, checks, pictures and the report."""
