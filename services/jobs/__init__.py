"""Long work with progress, run in ingest's process: one runner, and one file a kind of job.

A kind (`kind.py`) is a row of steps, and `kinds.py` lists them all. Steps share `reading.py`, which lists what the apps
hold, and `looking.py`, which has pairs looked at; `work.py` is what a step is given.
"""
