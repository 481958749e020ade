"""Published libraries: many variants of one antibody under one assay."""
