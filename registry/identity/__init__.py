"""Who somebody is: users, passwords, sessions, tokens, invitations, sign-in by a provider."""
