"""The engine: the story of one node (lifecycle), and the walk over all of them (executor). It never prints."""
