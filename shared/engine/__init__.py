"""The engine: pure functions that believe, match, merge and decide. It knows no app and no type of records."""
