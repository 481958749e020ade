"""The affinity network: residue embeddings of a pair meet in a fusion, heads read numbers off."""
