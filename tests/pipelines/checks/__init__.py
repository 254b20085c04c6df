"""What a schema does not see in a pipeline: each check answers with a line for each mistake."""
