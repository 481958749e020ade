"""What the encoder is pre-trained on, and what is held out of it."""
