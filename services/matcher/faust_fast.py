"""Faust's consumer without its four asyncio tasks for each message.

`faust.transport.consumer.Consumer` hands every message over through `wait_first(callback, suspend)`, which makes four
tasks and cancels three. Delivery almost never has to wait, so here the callback is run inline, and only what really
suspends takes the slow way. This reaches into Faust's inside: the version is pinned, and a test fails when the pin or
the code it rests on moves. The public way, `stream.take_events` with `app.producer.send`, is slower and needs nothing
of this file.
"""

import inspect
from collections.abc import Generator
from typing import Any, Final

import faust
from faust.transport.drivers import aiokafka as driver
from mode.services import WaitResults

FAUST_VERSION: Final = "0.15.3"
"""The version that this was written for and measured with."""


class _Resume:
    """A coroutine that was started by hand, as an awaitable that goes on with it."""

    __slots__ = ("_coroutine", "_yielded")

    def __init__(self, coroutine: Any, yielded: Any) -> None:
        self._coroutine = coroutine
        self._yielded = yielded

    def __await__(self) -> Generator[Any, Any, Any]:
        yielded = self._yielded
        while True:
            try:
                value = yield yielded
            except BaseException as error:  # noqa: BLE001 - cancellation too belongs to the coroutine it interrupts
                step = self._coroutine.throw
                argument: Any = error
            else:
                step = self._coroutine.send
                argument = value
            try:
                yielded = step(argument)
            except StopIteration as stop:
                return stop.value


async def _finish(resume: _Resume) -> Any:
    return await resume


class FastConsumer(driver.Consumer):  # type: ignore[misc]  # Faust ships no types
    """Delivers inline while there is room."""

    async def wait_first(self, *coros: Any, timeout: Any = None) -> Any:  # noqa: ASYNC109 - the signature is Faust's
        """Run the first coroutine until it suspends; only then wait as Faust does."""
        if len(coros) == 2 and timeout is None and inspect.iscoroutine(coros[0]) and inspect.iscoroutine(coros[1]):
            try:
                yielded = coros[0].send(None)
            except StopIteration as stop:
                coros[1].close()
                return WaitResults([coros[0]], [stop.value], self.should_stop)
            coros = (_finish(_Resume(coros[0], yielded)), coros[1])
        return await super().wait_first(*coros, timeout=timeout)


class _FastTransport(driver.Transport):  # type: ignore[misc]  # Faust ships no types
    Consumer = FastConsumer


class FastApp(faust.App):  # type: ignore[misc]  # Faust ships no types
    """An app whose messages are delivered inline."""

    def _new_transport(self) -> Any:
        return _FastTransport(self.conf.broker, self, loop=self.loop)
