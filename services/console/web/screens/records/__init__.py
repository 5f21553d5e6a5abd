"""Pages of records: the list, why one is as it is, files, and parked messages."""
