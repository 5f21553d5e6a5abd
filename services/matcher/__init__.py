"""Finds the pair of each record and steps pairs: match, resolve, and the rebuild of a lost Redis."""
