"""The model's answers: to the rows of a request, and to whole tables."""
