"""A link does to connections what it is told, and says what it did to them."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer

import pytest

from tests.faults.proxy import Link, Mode, Proxy
from tests.support.stack import free_port_base


class _Echo(BaseRequestHandler):
    """Ends the connection when it is told to."""

    def handle(self) -> None:
        while (piece := self.request.recv(100)) not in (b"", b"end"):
            self.request.sendall(piece)


@pytest.fixture
def link() -> Iterator[tuple[Proxy, Link]]:
    with ThreadingTCPServer(("127.0.0.1", 0), _Echo) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        proxy, made = Proxy(lambda pid: None), Link("echo", free_port_base(), server.server_address[1])
        proxy.add(made)
        yield proxy, made
        proxy.close()
        server.shutdown()


def _connect(link: Link) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", link.port), 5)
    assert _echoed(client, b"first") == b"first"
    return client


def _echoed(client: socket.socket, piece: bytes, patience: float = 5.0) -> bytes | None:
    """None: silence."""
    client.settimeout(patience)
    client.sendall(piece)
    try:
        return client.recv(100)
    except TimeoutError:
        return None


def test_a_connection_that_is_forsaken_stays_silent_behind_the_healing_and_new_ones_pass(link: tuple[Proxy, Link]) -> None:
    proxy, way = link
    with closing(_connect(way)) as old:
        way.mode = Mode.SWALLOW
        assert _echoed(old, b"swallowed", 0.3) is None
        proxy.forsake(way)
        proxy.heal()
        assert _echoed(old, b"still", 0.3) is None
        with closing(_connect(way)) as new:
            assert _echoed(new, b"passes") == b"passes"
        assert way.felt == {Mode.SWALLOW: 1}
    with closing(_connect(way)):
        assert len(way.forsaken) <= 2


def test_a_forsaken_client_does_not_hear_that_its_peer_is_gone(link: tuple[Proxy, Link]) -> None:
    proxy, way = link
    with closing(_connect(way)) as client:
        client.sendall(b"wait")
        assert client.recv(100) == b"wait"
        proxy.forsake(way)
        for writer in list(way.open):
            if writer.get_extra_info("peername")[1] == way.upstream:
                proxy.loop.call_soon_threadsafe(writer.write, b"end")
        assert _echoed(client, b"anybody", 0.5) is None


def test_connections_of_which_something_was_swallowed_are_reset_when_the_link_passes_again(link: tuple[Proxy, Link]) -> None:
    proxy, way = link
    with closing(_connect(way)) as client:
        way.mode = Mode.SWALLOW
        assert _echoed(client, b"swallowed", 0.3) is None
        proxy.pass_again(way)
        with suppress(ConnectionError):
            assert client.recv(100) == b""
    assert way.felt[Mode.SWALLOW] == 1
