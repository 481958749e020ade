"""A file of measured variants, read as one assay: values, parent, mutations in any numbering."""
