"""The console's pages and forms, asked in memory as a browser would."""
