"""Published benchmarks, reproduced."""
