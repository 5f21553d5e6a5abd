"""A start waits for as long as it gets on."""

from collections.abc import Callable

import pytest

from deploy.local.servers.readiness import late


class Time:
    """Passes when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def wait(look: Callable[[str, float], str | None]) -> tuple[dict[str, str], float]:
    time = Time()
    found = late(
        ("matcher", "writer"),
        lambda name: look(name, time.now),
        lambda: None,
        patience_s=60.0,
        clock=time,
        sleep=time.sleep,
    )
    return found, time.now


def test_what_gets_on_is_waited_for_longer_than_any_limit() -> None:
    """Links of very many records take minutes to restore."""

    def look(name: str, now: float) -> str | None:
        if name == "writer" or now > 600:
            return None
        return f"the links are being rebuilt: {int(now) // 50} messages read"

    assert wait(look)[0] == {}


def test_what_stands_still_is_told_with_its_last_words() -> None:
    """After a minute without anything new."""
    found, after = wait(lambda name, now: None if name == "writer" else f"{min(int(now), 30)} read")
    assert found == {"matcher": "30 read"}
    assert after == pytest.approx(90, abs=1)


def test_what_never_answers_is_given_up() -> None:
    """It may not even have opened its port."""
    found, after = wait(lambda _name, _now: "")
    assert found == {"matcher": "", "writer": ""}
    assert after == pytest.approx(60, abs=1)


def test_a_service_that_ended_ends_the_wait() -> None:
    def ended() -> None:
        raise RuntimeError("matcher has ended")

    with pytest.raises(RuntimeError, match="has ended"):
        late(("matcher",), lambda _name: "", ended, patience_s=60.0)
