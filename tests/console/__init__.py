"""The console without servers: settings as files, views and lists, pages in memory, pages in Chromium."""
