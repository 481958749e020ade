"""The antibody that is changed: its numbering, its mutants, their liabilities and naturalness."""
