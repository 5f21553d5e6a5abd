"""The engine, pure: records, pairs, merging, matching, and the words that apps are declared in."""
