"""Encoders: loading, tokens, windows, adapters; one entry a model in the catalogue."""
