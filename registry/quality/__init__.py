"""Data quality: figures of devices, a report over many, and certificates."""
