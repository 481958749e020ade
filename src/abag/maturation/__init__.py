"""From measured variants to a model of their assay, and to the next plate."""
