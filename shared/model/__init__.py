"""The nouns: records, pairs, syncs, and the words that are stored and told of them. Pure; nothing here decides."""
