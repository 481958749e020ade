"""What a test part shares with its training part."""
