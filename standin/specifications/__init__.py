"""What Microsoft and MLflow published of the answers that the stand-in plays."""
