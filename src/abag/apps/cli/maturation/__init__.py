"""Commands of the loop of affinity maturation: adapt, scan, propose, order."""
