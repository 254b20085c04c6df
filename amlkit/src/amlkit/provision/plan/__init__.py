"""What there is to be in Azure, as one table: a resource each, in the order in which it is made."""
