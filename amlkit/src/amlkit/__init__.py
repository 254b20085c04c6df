"""What an Azure ML repository does with its data, environments, jobs, models and endpoints."""

__version__ = "0.4.17"
