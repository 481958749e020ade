"""How far to trust a prediction: verdicts on what the model knows, and calibrated intervals."""
