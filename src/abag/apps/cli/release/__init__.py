"""Releases at the command line: make, check, publish; pull and list."""
