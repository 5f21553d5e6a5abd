"""How well it runs: numbers over time, feeds, limits, and how changes are learned."""
