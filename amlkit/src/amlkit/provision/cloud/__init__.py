"""How Azure, its directory, Azure DevOps and GitHub are asked: commands of the user's az and gh."""
