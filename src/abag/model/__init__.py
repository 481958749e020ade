"""Models of affinity: baselines now, networks beside them later."""
