"""The links of records to pairs, as Redis holds them: requests, the Lua that answers them, and how they are rebuilt."""
