"""The registry's side of the broker: its files, its log, its figures, and what is published."""
