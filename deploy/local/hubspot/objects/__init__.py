"""What a simulated account holds: objects with their properties, associations, and searching them."""
