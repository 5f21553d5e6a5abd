"""What happens in a simulated account, in its order, and how its apps are told."""
