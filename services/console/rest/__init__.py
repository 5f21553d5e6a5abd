"""The REST API: routes that read what was asked, call `use/` and answer in JSON."""
