"""Embeddings on disk: shards, their index, quantisation, upkeep."""
