"""A campaign in a folder: plates sealed, results taken in, scorecards."""
