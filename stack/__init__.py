"""The whole platform on one machine without containers: find or build, start, watch, stop."""
