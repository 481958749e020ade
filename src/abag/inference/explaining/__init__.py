"""Which positions of an antibody carry a prediction, and whether they touch the antigen."""
