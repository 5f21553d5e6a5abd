"""The pipelines API: which stages the records of an object type move through."""

from deploy.local.hubspot.errors import not_found
from deploy.local.hubspot.http import Answer, Call


def list_all(call: Call) -> Answer:
    """GET every pipeline of an object type with its stages."""
    return Answer(200, {"results": list(call.account.pipelines.of(call.kind().name).values())})


def read(call: Call) -> Answer:
    """GET one pipeline."""
    found = call.account.pipelines.of(call.kind().name).get(call.params["id"])
    if found is None:
        raise not_found(f"No pipeline {call.params['id']} of {call.kind().name}")
    return Answer(200, found)
