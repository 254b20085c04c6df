"""What the steps of a pipeline run around the drivers; each module is a command of its own."""
