"""Serving: from a pair or a table of pairs to predictions with flags."""
