"""What can be done with an installation, once: the REST API and the pages both call it, and neither can do more."""
