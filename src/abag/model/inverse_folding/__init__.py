"""Inverse folding: which residues fit a place of a known complex (ProteinMPNN)."""
