"""An Azure subscription that can be filled: groups, accounts, workspaces, principals, roles."""
