"""Files of sequences: FASTA, AIRR rearrangements, cells, and chains that belong together."""
