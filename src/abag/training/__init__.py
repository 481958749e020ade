"""Training of affinity networks: recipes, losses, the loop, its state, its records."""
