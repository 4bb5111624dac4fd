"""The HTTP API: parks, labs, tenants, users, models, devices, credentials and readings."""
