"""A TCP proxy of our own between the services and what they call: passes, delays, resets, swallows, or strikes at one exact request."""

import asyncio
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import psutil

from tests.faults.wire import Act, Frames, Trap

FALSE_500 = b"HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"


class Mode(StrEnum):
    PASS = "pass"
    DELAY = "delay"
    REFUSE = "refuse"  # every connection is reset
    SWALLOW = "swallow"  # bytes go in and nothing comes out: a half-open socket
    DEAF = "deaf"  # requests arrive, answers do not


@dataclass(eq=False)
class Link:
    """One way through the proxy: `port` is listened on at every one of `hosts`, `upstream` called. `delay_s` is added to every piece of a request.

    `closed` are hosts that refuse for now; `passed` counts connections by host, `felt` what each mode did to connections and pieces.
    `forsaken` stay half open, whatever the link does, until their client ends them.
    """

    name: str
    port: int
    upstream: int
    framed: bool = False
    hosts: tuple[str, ...] = ("127.0.0.1",)
    closed: set[str] = field(default_factory=set)
    mode: Mode = Mode.PASS
    delay_s: float = 0.0
    traps: list[Trap] = field(default_factory=list)
    open: set[asyncio.StreamWriter] = field(default_factory=set)
    passed: Counter[str] = field(default_factory=Counter)
    felt: Counter[Mode] = field(default_factory=Counter)
    forsaken: set[asyncio.StreamWriter] = field(default_factory=set)

    def heal(self) -> None:
        self.traps.clear()
        self.closed.clear()


class Proxy:
    """All links, on a thread of their own. `name_of` tells the name of the process with a pid, None for a stranger."""

    def __init__(self, name_of: Callable[[int], str | None]) -> None:
        self.name_of = name_of
        self.links: dict[str, Link] = {}
        self.servers: list[asyncio.Server] = []
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, name="proxy", daemon=True)
        self.thread.start()

    def add(self, link: Link) -> None:
        self.links[link.name] = link
        self.servers.append(self._run(asyncio.start_server(lambda r, w: self._serve(link, r, w), link.hosts, link.port)))

    def reset(self, link: Link) -> int:
        """Cut every connection that is open now; how many those were."""
        return int(self._run(self._reset(link)))

    def pass_again(self, link: Link) -> None:
        """Connections of which something was swallowed are cut at the same moment: no network makes a stream with a hole in it."""
        self._run(self._pass_again(link))

    def forsake(self, link: Link) -> None:
        """Pass new connections, and leave those that are open now half open for good: only a deadline of its own frees a client."""
        self._run(self._forsake(link))

    def heal(self) -> None:
        for link in self.links.values():
            self.pass_again(link)
            link.heal()

    def close(self) -> None:
        """Stop listening and cut what is open."""
        self._run(self._close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)
        self.loop.close()

    async def _close(self) -> None:
        for server in self.servers:
            server.close()
        under_way = asyncio.all_tasks() - {asyncio.current_task()}
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(10)

    async def _pass_again(self, link: Link) -> None:
        cut = link.mode in (Mode.SWALLOW, Mode.DEAF)
        link.mode, link.delay_s = Mode.PASS, 0.0
        if cut:
            await self._reset(link)

    async def _forsake(self, link: Link) -> None:
        link.forsaken |= link.open
        link.mode = Mode.PASS

    async def _reset(self, link: Link) -> int:
        cut = list(link.open)
        for writer in cut:
            writer.transport.abort()
        return len(cut)

    async def _serve(self, link: Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host = writer.get_extra_info("sockname")[0]
        if link.mode is Mode.REFUSE or host in link.closed:
            link.felt[link.mode] += 1
            writer.transport.abort()
            return
        link.passed[host] += 1
        try:
            upstream = await asyncio.open_connection("127.0.0.1", link.upstream, limit=1 << 20)
        except OSError:
            writer.transport.abort()
            return
        await _Talk(self, link, (reader, writer), upstream).run()


class _Talk:
    """One connection, both ways."""

    def __init__(self, proxy: Proxy, link: Link, client: tuple[Any, Any], server: tuple[Any, Any]) -> None:
        self.proxy, self.link = proxy, link
        self.client, self.to_client = client
        self.server, self.to_server = server
        self.waiting: Trap | None = None

    async def run(self) -> None:
        self.link.open |= {self.to_client, self.to_server}
        ways = [asyncio.create_task(self._requests()), asyncio.create_task(self._answers())]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            if self._forsaken:  # that its peer is gone is nothing that the client hears of
                await asyncio.wait(ways[:1])
        finally:
            self.link.open -= {self.to_client, self.to_server}
            self.link.forsaken -= {self.to_client, self.to_server}
            for way in ways:
                way.cancel()
            for writer in (self.to_client, self.to_server):
                writer.close()
            await asyncio.gather(*ways, return_exceptions=True)

    @property
    def _forsaken(self) -> bool:
        return self.to_client in self.link.forsaken

    async def _requests(self) -> None:
        frames = Frames(self.link.framed)
        with suppress(OSError):
            while chunk := await self.client.read(1 << 16):
                for piece in frames.cut(chunk):
                    if not await self._sent(piece):
                        return

    async def _sent(self, piece: bytes) -> bool:
        """Pass one piece on; False when the connection is to end here."""
        link = self.link
        if link.mode in (Mode.SWALLOW, Mode.REFUSE, Mode.DELAY):
            link.felt[link.mode] += 1
        if link.mode is Mode.SWALLOW or self._forsaken:
            return True
        if link.mode is Mode.REFUSE:
            return False
        if link.mode is Mode.DELAY:
            await asyncio.sleep(link.delay_s)
        trap = await self._trapped(piece) if link.traps else None
        if trap is not None:
            if trap.act is Act.KILL_BEFORE:
                await self._strike(signal.SIGKILL)
                return False
            if trap.act is Act.HOLD:
                await asyncio.sleep(trap.seconds)
            else:
                self.waiting = trap
        self.to_server.write(piece)
        await self.to_server.drain()
        if trap is not None and trap.act is Act.FREEZE_AFTER:
            await self._strike(signal.SIGSTOP)
            asyncio.get_running_loop().call_later(trap.seconds, self._thaw, self.pid)
        return True

    async def _trapped(self, piece: bytes) -> Trap | None:
        trap = next((t for t in self.link.traps if t.left > 0 and t.at(piece)), None)
        if trap is None:
            return None
        trap.left -= 1
        self.pid = await asyncio.to_thread(_pid_of, self.to_client.get_extra_info("peername")[1])
        name = self.proxy.name_of(self.pid) if self.pid else None
        if trap.act is Act.KILL_PEER:  # known before the request passes: when its answer is there, the moment is over
            self.pid = await asyncio.to_thread(_pid_of, self.link.upstream)
        if name is None or not self.pid or (trap.whose and not name.startswith(trap.whose)):
            trap.left += 1
            return None
        trap.struck.append(name)
        return trap

    async def _answers(self) -> None:
        with suppress(OSError):
            while chunk := await self.server.read(1 << 16):
                trap, self.waiting = self.waiting, None
                if trap is not None and trap.act is not Act.FREEZE_AFTER:
                    if trap.act in (Act.KILL_AFTER, Act.KILL_PEER):
                        await self._strike(signal.SIGKILL)
                    elif trap.act is Act.FALSE_ANSWER:
                        self.to_client.write(FALSE_500)
                        await self.to_client.drain()
                        return
                    self.to_client.transport.abort()
                    return
                if self._forsaken:
                    continue
                if self.link.mode in (Mode.DEAF, Mode.SWALLOW):
                    self.link.felt[self.link.mode] += 1
                    continue
                self.to_client.write(chunk)
                await self.to_client.drain()

    async def _strike(self, sign: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, sign)

    @staticmethod
    def _thaw(pid: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def _pid_of(port: int) -> int:
    """The process whose end of a connection has this local port; 0 when it is gone. Java's are sockets of IPv6, whatever they are bound to."""
    return next((c.pid or 0 for c in psutil.net_connections("tcp") if c.laddr and c.laddr.port == port and c.pid), 0)
