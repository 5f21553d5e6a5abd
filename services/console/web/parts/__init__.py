"""What every screen is made of: the frame, badges, notices, tables, and how numbers and ages are written."""
