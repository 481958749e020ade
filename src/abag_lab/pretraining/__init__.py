"""Masked-language-model training of the built-in encoder. Imports torch only where it trains."""
