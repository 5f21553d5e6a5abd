"""What the REST API takes and answers: a model for each, from which it is described."""
