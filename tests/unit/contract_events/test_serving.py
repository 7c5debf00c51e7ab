"""Connections at the door: those that say nothing are let go, those that are heard are kept."""

import asyncio

import pytest

from services.contract_events.web.limits import Limits
from tests.unit.contract_events.doors import OpenDoor, open_door
from tests.unit.contract_events.test_intake import REPORT

SHORT, LONG_S = Limits(read_s=0.3), 10
ABOUT = b"GET / HTTP/1.1\r\nHost: door\r\n\r\n"
SILENCES = {
    "nothing": b"",
    "half a request line": b"POST /hooks",
    "headers without an end": b"POST /hooks/docusign HTTP/1.1\r\nHost: door\r\n",
}
AFTERWARDS = {
    "half of a second request": (ABOUT, ABOUT[:-2]),
    "a body that nobody asks for": (b"POST /intake/clm HTTP/1.1\r\nHost: door\r\nContent-Length: 100\r\n\r\n", b"{"),
}


async def let_go(door: OpenDoor, said: bytes) -> bytes:
    """All that a sender hears until it is let go."""
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    try:
        writer.write(said)
        return await asyncio.wait_for(reader.read(), LONG_S)
    finally:
        writer.close()


@pytest.mark.parametrize("said", SILENCES.values(), ids=SILENCES.keys())
async def test_a_sender_that_does_not_say_what_it_wants_is_let_go(said: bytes) -> None:
    async with open_door(limits=SHORT) as door:
        heard = await let_go(door, said)
    assert heard == b""


@pytest.mark.parametrize(("first", "then"), AFTERWARDS.values(), ids=AFTERWARDS.keys())
async def test_a_sender_that_was_answered_and_goes_on_without_an_end_is_let_go(first: bytes, then: bytes) -> None:
    async with open_door(limits=SHORT) as door:
        reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
        writer.write(first)
        assert b"HTTP/1.1 " in await reader.readuntil(b"}")
        writer.write(then)
        assert await asyncio.wait_for(reader.read(), LONG_S) == b""
        writer.close()


async def test_bytes_that_trickle_in_do_not_put_it_off() -> None:
    async with open_door(limits=SHORT) as door:
        reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
        trickling = asyncio.create_task(trickle(writer))
        assert await asyncio.wait_for(reader.read(), LONG_S) == b""
        trickling.cancel()
        writer.close()


async def trickle(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"x")
        await asyncio.sleep(SHORT.read_s / 10)


async def test_two_hundred_silent_connections_do_not_close_the_door_for_good() -> None:
    async with open_door(limits=SHORT) as door, asyncio.timeout(LONG_S):
        silent = [await asyncio.open_connection("127.0.0.1", door.port) for _ in range(200)]
        assert [await reader.read() for reader, _ in silent] == [b""] * 200
        assert b" 200 " in await let_go(door, ABOUT)
        for _, writer in silent:
            writer.close()


async def test_a_request_that_takes_longer_to_keep_is_answered() -> None:
    async with open_door(limits=SHORT) as door:
        door.kept.takes_s = 3 * SHORT.read_s
        status, answer = await door.intake("clm", REPORT)
    assert (status, answer["items"][0]["outcome"]) == (200, "taken")
