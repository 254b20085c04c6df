"""What an Azure ML repository does with its data, environments, jobs, models and endpoints."""
