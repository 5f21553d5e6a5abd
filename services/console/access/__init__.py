"""Who may come in and what they may do, for the API and the pages alike."""
