"""Measurements: reading, checking, converting, numbering, splitting and auditing."""
