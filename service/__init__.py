"""What every service's entry point shares: how it reads its settings, and how it logs."""
