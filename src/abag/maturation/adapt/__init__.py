"""A model of one assay with its held-out skill, verdict and report."""
