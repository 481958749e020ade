"""Baselines that a larger model must beat; see :mod:`abag.model.registry` for their names."""
