"""The schemas of the API's description, as strict as they can be: nothing may be there that they do not name."""

from typing import Any

from jsonschema_rs import Draft202012Validator


def closed(found: dict[str, Any]) -> dict[str, Any]:
    """Return the document with every model shut to what it does not name."""
    schemas = {
        name: {**schema, "additionalProperties": False} if "properties" in schema else schema
        for name, schema in found["components"]["schemas"].items()
    }
    return {**found, "components": {**found["components"], "schemas": schemas}}


def validator(found: dict[str, Any], schema: dict[str, Any]) -> Draft202012Validator:
    """Return what checks values against a schema of the document."""
    return Draft202012Validator({**schema, "components": closed(found)["components"]})
