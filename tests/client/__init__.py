"""Writes the typed client from the OpenAPI document; a test tells when that is due."""
