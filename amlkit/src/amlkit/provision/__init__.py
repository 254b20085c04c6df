"""What the bootstrap is made of: each module does one thing, and `plan` puts them together."""
