"""Catalogues that the engine is handed: identifiers, match rules, conflict policies, lenses, types, errors."""
