"""What Syncline is measured by: `python -m tests.bench` writes `.bench/results.json` and a table in the docs.

Absolute times are noise on shared machines, so each figure stands beside a baseline of the same run.
"""
