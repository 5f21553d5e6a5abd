"""Looking again at the pairs of some statuses; nothing is read from the apps."""

from typing import Final

from services.jobs.kind import Kind
from services.jobs.looking import kind_of_chosen
from shared.model.touches import Touch

# Whoever chose some records waits for them; all others make way for live changes.
RETRY: Final[Kind] = kind_of_chosen("retry", Touch.RETRY)
