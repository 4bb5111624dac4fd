"""Pictures of the dashboards for the docs, drawn from their own definitions: ``make previews``."""
