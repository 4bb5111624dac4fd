"""Kills and other faults while devices publish, held against a ledger. See docs/faults.md."""
