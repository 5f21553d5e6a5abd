"""The API as its description says it is, whatever somebody sends: shown by schemathesis."""
