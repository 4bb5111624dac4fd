"""Hostile payloads for the decoder: made by atheris and by hypothesis, held to one set of rules."""
