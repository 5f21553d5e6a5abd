"""Pages of settings of the console: alerts, mail, retention; and the activity log."""
