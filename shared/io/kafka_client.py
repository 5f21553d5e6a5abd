"""How the clients of kafka-python are made, so that no socket is left to the garbage collector.

kafka-python 3.0 forgets to close the socket of a connection that was refused, whose handshake failed or whose client
could not be made. The error of each holds the frame that holds the socket, in a circle, and we collect circles rarely:
while a broker is away, every attempt would leave an open file behind.
"""

from collections.abc import Callable
from typing import Any, Final

from kafka.errors import KafkaConnectionError
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


class _Client(KafkaNetClient):  # type: ignore[misc]  # kafka-python ships no types
    def __init__(self, **configs: Any) -> None:
        net = NetworkSelector(**configs)
        super().__init__(net=net, manager=_Manager(net, **configs))


def make_client(make: Callable[..., Any], **config: Any) -> Any:
    """Make a consumer, a producer or an admin client; where that fails, its sockets and its thread are ended."""
    begun: list[_Client] = []

    def client(**configs: Any) -> _Client:
        begun.append(_Client(**configs))
        return begun[-1]

    try:
        return make(**config, kafka_client=client)
    except BaseException:
        for one in begun:
            one.close()
        raise
