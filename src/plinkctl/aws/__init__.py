"""The edge to AWS: clients, the table of faults, and patience. Nothing in here knows what a link is."""
