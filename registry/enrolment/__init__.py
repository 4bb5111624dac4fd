"""How devices come in: by file, by claim code, by provisioning key."""
