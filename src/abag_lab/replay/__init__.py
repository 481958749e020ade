"""Landscapes measured in full, replayed: the few-shot benchmark and simulated campaigns."""
