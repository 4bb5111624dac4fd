"""Simulated devices: signals with a seed, device kinds, and the replay of recorded files."""
