"""What a whole process or command needs."""
