"""How everything stands: the installation, its records one by one, and what happens at this moment."""
