"""What every app would write again: bodies and calls, parts of a batch, results, creates that are found again.

An app takes what fits and writes the rest itself; nothing here knows an app. `shared/core/connector.py` says what an
app must do, this folder helps to do it.
"""
