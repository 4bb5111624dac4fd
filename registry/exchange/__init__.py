"""Data that leaves and comes back: exports, archives of tenants, and the import of history."""
