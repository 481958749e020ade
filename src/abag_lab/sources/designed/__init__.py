"""Published sets of designed and evolved variants."""
