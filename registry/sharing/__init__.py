"""What others may read, by agreement and by SQL."""
