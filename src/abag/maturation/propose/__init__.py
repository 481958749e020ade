"""The next plate: candidates, acquisition, layout, and campaigns of several rounds."""
