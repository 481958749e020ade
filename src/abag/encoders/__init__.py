"""Residue embeddings: encoders behind one interface, and the store that keeps what they made."""
