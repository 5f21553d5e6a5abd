"""Jobs, with the matcher and the apps played by the test."""
