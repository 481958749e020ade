"""The antibody before any measurement: alphabet, scales, numbering, germlines, mutations."""
