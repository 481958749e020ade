"""The global model: absolute pKd of any antibody-antigen pair."""
