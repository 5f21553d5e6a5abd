"""Commands about records: lists, why, resync, jobs, files, parked messages."""
