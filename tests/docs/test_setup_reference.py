"""The reference of the settings file: every key has a meaning and an example that would be taken."""

from typing import Annotated, Any

import pytest
import yaml
from pydantic import BaseModel, TypeAdapter

from tests.docs import setup_reference
from tests.docs.setup_reference import SECTIONS, examples, meanings


@pytest.mark.parametrize("model", [model for _, model in SECTIONS])
def test_every_key_says_what_it_means(model: type[BaseModel]) -> None:
    assert [name for name in model.model_fields if not meanings(model).get(name)] == []


def test_every_example_would_be_taken() -> None:
    """As it is written in the page, by the key it stands at."""
    for model, name, given in examples():
        assert given, f"{model.__name__}.{name} has no example"
        info = model.model_fields[name]
        for one in given:
            (read,) = yaml.safe_load(f"{name}: {setup_reference._yaml(one)}").values()
            assert read == one
            adapter: TypeAdapter[Any] = TypeAdapter(Annotated[info.annotation, info])  # type: ignore[arg-type]  # what the key takes
            adapter.validate_python(one)
