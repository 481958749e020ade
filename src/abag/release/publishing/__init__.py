"""Publishing and fetching: steps, a git remote with LFS, a hub."""
