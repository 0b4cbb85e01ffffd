"""The use cases, and the only place where they are put together. Knows no click and prints nothing."""
