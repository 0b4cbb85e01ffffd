"""The door: who may come in, what is told to them, and what is written down of it."""
