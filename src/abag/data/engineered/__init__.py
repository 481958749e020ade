"""Antibodies made of several domains: the domains of a chain, and the choice of an arm."""
