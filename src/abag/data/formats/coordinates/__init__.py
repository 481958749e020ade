"""Files of coordinates: PDB and mmCIF, their complexes, assemblies and tables."""
