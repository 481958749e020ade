"""What makes two variants of one assay alike: kernels and the knowledge behind them."""
