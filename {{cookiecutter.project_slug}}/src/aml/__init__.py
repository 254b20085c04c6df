"""How to reach Azure ML, or do without it."""
