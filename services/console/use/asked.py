"""Numbers and flags as a body of JSON has them: a text or a flag is no number."""

from typing import Annotated, Final, TypeAlias

from pydantic import BeforeValidator, Strict


def _number(given: object) -> object:
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise ValueError("Write a number.")  # noqa: TRY004 - pydantic takes a ValueError as what is wrong with a field
    return given


NUMBER: Final = BeforeValidator(_number)
"""What a whole number is written as; 5.0 is one, as JSON has it."""
Flag: TypeAlias = Annotated[bool, Strict()]
"""True or false."""
