"""The routes of the API, a file each resource."""
