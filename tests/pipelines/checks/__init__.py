"""What a schema does not see in a pipeline: each check returns a line for each mistake."""
