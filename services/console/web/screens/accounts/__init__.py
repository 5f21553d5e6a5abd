"""Pages of accounts of apps: the catalogue, connecting, and one account with its tabs."""
