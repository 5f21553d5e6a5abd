"""Cards and webhook bodies as nobody would think of them, and what must hold for each."""
