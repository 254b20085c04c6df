"""Azure Pipelines played on this machine; the README says what holds it to the service."""
