"""`bootstrap.py pipelines`: what pipelines need in Azure DevOps or GitHub, as one table of rows."""
