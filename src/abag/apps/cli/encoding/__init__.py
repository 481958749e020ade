"""Commands of encoders: which there are, their weights, embeddings and the store of these."""
