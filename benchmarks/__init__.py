"""Speed, always as a ratio between things that ran side by side in one run."""
