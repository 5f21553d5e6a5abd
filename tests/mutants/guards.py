from collections.abc import Callable
from dataclasses import dataclass
import pytest
from tests.simulator import mutations
from tests.simulator.test_mutations import CAUGHT


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    off: Callable[[pytest.MonkeyPatch], None]

    @property
    def name(self) -> str:
        return self.off.__name__


GUARDS = tuple(Guard(off=c.off) for c in CAUGHT) + tuple(
    Guard(off=o) for o in (mutations.any_redis, mutations.create_into_a_full_place, mutations.records_of_others)
)
