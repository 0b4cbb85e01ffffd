"""Functions: their life, their roles and logs, and their running."""
