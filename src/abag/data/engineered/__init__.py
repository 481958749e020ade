"""Antibodies made of several domains: what stands in a chain, and which arm is meant."""
