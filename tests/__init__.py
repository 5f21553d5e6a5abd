"""Tests, one folder a level or a part; what several of them use stands at their nearest common folder."""
