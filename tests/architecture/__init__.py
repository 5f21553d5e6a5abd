"""Rules about the code itself: layers, sizes, words, declarations, and pages beside the API."""
