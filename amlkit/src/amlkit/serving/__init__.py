"""The model's answers: to the rows of a request (`service`), and to whole tables (`batch`)."""
