"""Load balancers, listeners, target groups and the health of targets."""
