"""A model of one assay, and what it knows: held-out skill, verdict, report."""
