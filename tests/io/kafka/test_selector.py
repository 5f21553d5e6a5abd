"""The selector of our Kafka clients does what the standard library's does, and describes no socket to nobody."""

import selectors
import socket
from collections.abc import Iterator

import pytest

from shared.io.kafka.connecting import QuickSelector, client_config
from shared.settings import load


class Reticent(socket.socket):
    """A socket that is costly to describe."""

    def __repr__(self) -> str:
        raise AssertionError("nobody reads this description")


@pytest.fixture(name="ends")
def _ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    left, right = socket.socketpair()
    told = Reticent(left.family, left.type, left.proto, left.detach())
    with told, right:
        yield told, right


def test_asking_for_a_socket_that_is_not_registered_describes_nothing(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    """kafka-python asks before every wait."""
    with QuickSelector() as selector:
        with pytest.raises(KeyError):
            selector.get_key(ends[0])
        selector.register(ends[0], selectors.EVENT_READ, "a")
        selector.unregister(ends[0])
        with pytest.raises(KeyError):
            selector.get_key(ends[0])


def test_it_tells_what_is_registered_and_ready(ends: tuple[socket.socket, socket.socket]) -> None:
    """What changes is known at once, and a socket that was closed meanwhile can be forgotten."""
    told, other = ends
    with QuickSelector() as selector:
        assert selector.register(told, selectors.EVENT_READ, "a") == selector.get_key(told)
        other.send(b"x")
        assert [(key.data, events) for key, events in selector.select(5)] == [("a", selectors.EVENT_READ)]
        selector.modify(told, selectors.EVENT_WRITE, "b")
        assert (selector.get_key(told).events, selector.get_key(told).data) == (selectors.EVENT_WRITE, "b")
        assert [(key.data, events) for key, events in selector.select(5)] == [("b", selectors.EVENT_WRITE)]
        told.close()
        assert selector.unregister(told).data == "b"
        assert not selector.get_map()
        with pytest.raises(KeyError):
            selector.get_key(told)


def test_a_socket_that_cannot_be_changed_is_not_registered_any_more(ends: tuple[socket.socket, socket.socket]) -> None:
    """As in the standard library: whoever asks is told to register it."""
    with QuickSelector() as selector:
        selector.register(ends[0], selectors.EVENT_READ, "a")
        ends[0].close()
        with pytest.raises(OSError, match="Bad file descriptor"):
            selector.modify(ends[0], selectors.EVENT_WRITE, "b")
        with pytest.raises(KeyError):
            selector.get_key(ends[0])


def test_every_client_takes_it() -> None:
    """All clients are made with these arguments."""
    assert client_config(load(kafka_bootstrap="127.0.0.1:1"))["selector"] is QuickSelector
