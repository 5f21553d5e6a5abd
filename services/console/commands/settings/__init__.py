"""Commands that set things up: files, accounts, people, alerts, mail."""
