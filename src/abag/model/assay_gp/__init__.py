"""A Gaussian process for the variants of one assay: substitution kernels on aligned positions."""
