"""Scripts of others on plain azure-ai-ml, run against the stand-in; their code is not kept here."""
