"""The console: views of what the topics tell, and what people decide, by pages, API and terminal."""
