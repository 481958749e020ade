"""Reading a user's own files: tables, FASTA, AIRR rearrangements and structures."""
