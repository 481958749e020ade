"""Baselines that a larger model must beat; see :mod:`abag.model.protocol` for their names."""
