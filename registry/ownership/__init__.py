"""Whose devices and readings are, and for how long."""
