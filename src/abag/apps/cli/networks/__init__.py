"""Commands of networks: recipes, training, comparisons, the search of settings."""
