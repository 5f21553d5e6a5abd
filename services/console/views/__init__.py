"""What the topics tell, kept in SQLite so that lists and counts are quick: nothing in it is lost with it."""
