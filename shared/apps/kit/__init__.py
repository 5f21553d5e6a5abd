"""What every app would write again: bodies, calls, batches, results, refusals, creates that are found again.

`rows.py` puts these together for apps that speak JSON and take one write a call. An app takes what fits and writes the
rest itself; nothing here knows an app. `shared/contract/` says what an app must do, this folder helps to do it.
"""
