"""The HTTP API: parks, labs, tenants, people, models, devices, credentials and queries."""
