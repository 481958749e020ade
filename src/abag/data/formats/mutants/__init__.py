"""Variants given by a parent and its changes."""
