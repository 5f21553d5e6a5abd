"""The console's pages in Chromium: looks, accessibility, and what the script adds."""
