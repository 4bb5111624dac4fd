"""What devices sent in the past: questions, answers as JSON or CSV, and what comes now."""
