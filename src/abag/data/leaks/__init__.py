"""Leaks: rows and near neighbours that a test part shares with its training part."""
