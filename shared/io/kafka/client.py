"""How the clients of kafka-python are made, so that no socket is left to the garbage collector, and how they poll.

kafka-python 3.0 forgets to close the socket of a connection that was refused, whose handshake failed or whose client
could not be made. The error of each holds the frame that holds the socket, in a circle, and we collect circles rarely:
while a broker is away, every attempt would leave an open file behind.

A poll costs processor time even where nothing comes, so each waits for seconds, and a process that stops ends those
that are under way.
"""

import weakref
from collections.abc import Callable
from typing import Any, Final

from kafka.errors import KafkaConnectionError
from kafka.future import Future
from kafka.net.compat import KafkaNetClient
from kafka.net.inet import KafkaNetSocket, create_connection
from kafka.net.manager import KafkaConnectionManager
from kafka.net.selector import NetworkSelector
from kafka.net.transport import KafkaSSLTransport, KafkaTCPTransport

_SCHEME: Final = "syncline-direct"


class _ClosingSocket(KafkaNetSocket):  # type: ignore[misc]  # kafka-python ships no types
    """Connects directly, and closes a socket that did not connect."""

    SCHEMES = (_SCHEME,)
    """Under which `create_connection` finds this class: its only way to be given another one."""

    async def sock_connect(self, net: Any, sock: Any, sockaddr: Any, timeout_at: float | None = None) -> Any:
        """Connect a new socket."""
        try:
            return await super().sock_connect(net, sock, sockaddr, timeout_at=timeout_at)
        except BaseException:
            sock.close()
            raise


class _Manager(KafkaConnectionManager):  # type: ignore[misc]  # kafka-python ships no types
    """Closes what it could not hand over."""

    async def _build_transport(self, node: Any, timeout_at: float | None = None) -> Any:
        sock = await create_connection(
            self._net, node.host, node.port, self.config["socket_options"],
            proxy_url=f"{_SCHEME}://", timeout_at=timeout_at,
        )  # fmt: skip
        transport = None
        try:
            if self.ssl_enabled:
                ssl = {key: value for key, value in self.config.items() if key.startswith("ssl_")}
                transport = KafkaSSLTransport(self._net, sock, host=node.host, **ssl)
            else:
                transport = KafkaTCPTransport(self._net, sock, host=node.host)
            await transport.handshake()
        except BaseException as error:
            if transport is not None:
                transport.close()
            sock.close()
            if isinstance(error, Exception):
                raise KafkaConnectionError(f"Handshake failed: {error}") from error
            raise
        return transport


class _PollEndedError(Exception):
    """A poll was ended before its time."""


class _Net(NetworkSelector):  # type: ignore[misc]  # kafka-python ships no types
    """Knows for what a consumer's poll waits, so that it can be ended."""

    def __init__(self, **configs: Any) -> None:
        super().__init__(**configs)
        self.is_polled = False
        self._awaited: Future | None = None

    def run(self, coro: Any, *args: Any) -> Any:
        """Run something in the loop; a poll waits here for one future, for so many milliseconds."""
        if self.is_polled and len(args) == 2 and isinstance(args[0], Future):
            self._awaited = args[0]
        try:
            return super().run(coro, *args)
        finally:
            self._awaited = None

    def end_poll(self) -> None:
        """End the poll that another thread waits in, where it waits."""
        if self._awaited is not None:
            self.call_soon_threadsafe(self._end)

    def _end(self) -> None:
        if self._awaited is not None and not self._awaited.is_done:
            self._awaited.failure(_PollEndedError())


class _Client(KafkaNetClient):  # type: ignore[misc]  # kafka-python ships no types
    def __init__(self, **configs: Any) -> None:
        self.net = _Net(**configs)
        super().__init__(net=self.net, manager=_Manager(self.net, **configs))


_CLIENTS: Final[weakref.WeakKeyDictionary[Any, _Client]] = weakref.WeakKeyDictionary()
"""By each consumer, producer and admin client that was made here, the client in it."""


def make_client(make: Callable[..., Any], **config: Any) -> Any:
    """Make a consumer, a producer or an admin client; where that fails, its sockets and its thread are ended."""
    begun: list[_Client] = []

    def client(**configs: Any) -> _Client:
        begun.append(_Client(**configs))
        return begun[-1]

    try:
        made = make(**config, kafka_client=client)
    except BaseException:
        for one in begun:
            one.close()
        raise
    _CLIENTS[made] = begun[-1]
    return made


def poll(consumer: Any, timeout_ms: int) -> Any:
    """Return what a consumer has fetched, waiting so long at most; nothing where the poll was ended."""
    net = _CLIENTS[consumer].net
    net.is_polled = True
    try:
        return consumer.poll(timeout_ms=timeout_ms)
    except _PollEndedError:
        return {}
    finally:
        net.is_polled = False


def end_polls() -> None:
    """End the polls of all consumers of this process that wait now: whoever polls sees that it shall stop."""
    for client in list(_CLIENTS.values()):
        client.net.end_poll()
