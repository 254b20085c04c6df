"""The same scenarios on this machine, by SDK v1 and by SDK v2."""
