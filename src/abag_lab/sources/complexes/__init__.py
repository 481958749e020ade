"""Published tables of complexes: natural pairs, and mutants of crystal structures."""
