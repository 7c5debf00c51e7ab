"""Lets go of connections on which no request begins: each counts towards the most that the door keeps open, and silent ones would close it."""

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol


class _Prompt(H11Protocol):
    """Closes when no request is under way and none has come whole, line and headers, within `head_s` seconds.

    Bytes that trickle in do not put it off; they do put off the server's own keep-alive.
    """

    head_s: float
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._unwatch()
        super().connection_lost(exc)

    def _watch(self) -> None:
        under_way = self.cycle is not None and not self.cycle.response_complete
        if under_way or self.transport.is_closing():
            self._unwatch()
        elif self._late is None:
            self._late = self.loop.call_later(self.head_s, self.transport.close)

    def _unwatch(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


def prompt(head_s: float) -> type[H11Protocol]:
    """The HTTP protocol of a server whose senders have `head_s` seconds to say what they want."""
    return type("Prompt", (_Prompt,), {"head_s": head_s})
