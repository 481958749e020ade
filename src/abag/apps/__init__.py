"""Doors for people and machines; each calls one library function."""
