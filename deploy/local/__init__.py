"""What `make run` starts on this machine: real servers from wheels, a HubSpot simulator, and all services."""
