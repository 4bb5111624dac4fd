"""The wire contract: topics, the broker's configuration and credentials, an MQTT 5 session."""
