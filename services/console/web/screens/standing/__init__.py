"""Pages that show how everything stands: syncs, objects, jobs, health over time."""
