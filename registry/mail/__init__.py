"""Mails to people: their texts, the outbox in which they wait, and how they are sent."""
