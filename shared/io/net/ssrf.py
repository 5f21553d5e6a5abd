"""The guard on every address that a user can type: no call leaves for a private network unless it is allowed by name.

Checking a name and connecting to it later would leave a gap in which the name may change what it points to. So the
check happens while connecting, and the connection goes to the very address that was checked.
"""

import ipaddress
import socket
import time
from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeAlias

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NameResolutionError, NewConnectionError
from urllib3.util.connection import create_connection

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


class BlockedAddress(Exception):  # noqa: N818 - a fact about the address
    """A name leads into a private network that was not allowed."""

    def __init__(self, host: str, port: int, address: str) -> None:
        super().__init__(
            f"{host}:{port} does not lead to a public address. If that is right, add {host}:{port} to "
            "SYNCLINE_ALLOW_PRIVATE_ADDRESSES."
        )
        self.address = address
        """Where it leads: not for the message, which whoever types a name may read."""


class AddressGuard:
    """Decides where connections may go.

    Args:
        allowed: ``host``, ``host:port`` or networks such as ``10.0.0.0/8`` that may be reached although private.
    """

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        self._names: set[str] = set()
        self._networks: list[Network] = []
        for entry in allowed:
            try:
                self._networks.append(ipaddress.ip_network(entry))
            except ValueError:
                self._names.add(entry.lower())

    def resolve(self, host: str, port: int) -> Sequence[str]:
        """Return the addresses of a host, all of which may be reached; raises `BlockedAddress` and OSError."""
        found = [str(row[4][0]) for row in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
        if not {host.lower(), f"{host.lower()}:{port}"} & self._names:
            for address in found:
                if not self._may_reach(ipaddress.ip_address(address.partition("%")[0])):
                    raise BlockedAddress(host, port, address)
        return list(dict.fromkeys(found))

    def _may_reach(self, address: Address) -> bool:
        inner = _inner(address)
        if any(inner.version == network.version and inner in network for network in self._networks):
            return True
        return inner.is_global and not inner.is_multicast


def _inner(address: Address) -> Address:
    """Unwrap an IPv4 address that travels inside an IPv6 one."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address.sixtofour is not None:
            return address.sixtofour
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


class GuardedAdapter(HTTPAdapter):
    """Connects where the guard allows, and remembers when it last opened a connection."""

    def __init__(self, guard: AddressGuard, *, pool: int = 1) -> None:
        self._guard = guard
        self.connected_at = 0.0
        """Monotonic seconds; for an adapter that one thread uses."""
        super().__init__(pool_connections=2, pool_maxsize=pool, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make pools whose connections ask the guard."""
        super().init_poolmanager(*args, **kwargs)
        adapter, guard = self, self._guard

        def connect(connection: HTTPConnection) -> socket.socket:
            sock = _connect(guard, connection)
            adapter.connected_at = time.monotonic()
            return sock

        class Plain(HTTPConnection):
            """A connection to a checked address."""

            def _new_conn(self) -> socket.socket:
                return connect(self)

        class Secure(HTTPSConnection):
            """A TLS connection to a checked address; the certificate is still checked against the name."""

            def _new_conn(self) -> socket.socket:
                return connect(self)

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

        class SecurePool(HTTPSConnectionPool):
            ConnectionCls = Secure

        self.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}


class BoundedAdapter(GuardedAdapter):
    """Reads an answer that neither grows nor drips without end.

    Args:
        guard: Decides where connections may go.
        read_s: Seconds that an answer may take.
        most: Bytes that it may have.
    """

    def __init__(self, guard: AddressGuard, *, read_s: float, most: int) -> None:
        super().__init__(guard)
        self._read_s = read_s
        self._most = most

    def send(self, *args: Any, **kwargs: Any) -> requests.Response:
        """Send a request, and read its answer."""
        answer = super().send(*args, **{**kwargs, "stream": True})
        until, parts, size = time.monotonic() + self._read_s, list[bytes](), 0
        try:
            for part in answer.raw.stream(65_536, decode_content=True):
                parts.append(part)
                size += len(part)
                if size > self._most or time.monotonic() > until:
                    answer.close()
                    raise requests.exceptions.ReadTimeout("the answer is too large, or came too slowly")
        except HTTPError as error:
            raise requests.exceptions.ConnectionError("the answer broke off") from error
        answer._content = b"".join(parts)  # noqa: SLF001 - what `content` returns; there is no other way to set it
        return answer


def blocked(error: BaseException) -> BlockedAddress | None:
    """Return what kept a call from leaving, where that was the guard."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, BlockedAddress):
        cause = cause.__cause__ or cause.__context__
    return cause


def _connect(guard: AddressGuard, connection: HTTPConnection) -> socket.socket:
    host, port = connection.host, int(connection.port or 0)
    try:
        addresses = guard.resolve(host.strip("[]"), port)
    except socket.gaierror as error:
        raise NameResolutionError(host, connection, error) from error
    failed: OSError | None = None
    for address in addresses:
        try:
            return create_connection((address, port), connection.timeout, socket_options=connection.socket_options)
        except TimeoutError as error:
            raise ConnectTimeoutError(connection, f"{host} did not accept a connection in time") from error
        except OSError as error:
            failed = error
    raise NewConnectionError(connection, f"no connection to {host}: {failed}") from failed
