"""What is in a function's process, and of the sandbox nothing else; it is run by path, not imported."""
