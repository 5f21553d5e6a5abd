"""Settings as files and forms give them: checked, compared with what is set up, and published."""
