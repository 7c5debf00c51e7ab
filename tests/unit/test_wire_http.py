"""A call to a vendor ends in one of three ways: a whole answer, nothing sent, or no telling."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from shared.wire.http import NoAnswer, Unreachable, VendorHttp, masked

Speak = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def vendor(speak: Speak) -> AsyncIterator[tuple[VendorHttp, list[bytes]]]:
    """A server that answers each request head as `speak` says, and the requests that it saw."""
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                request = await reader.readuntil(b"\r\n\r\n")
                length = next((int(part[15:]) for part in request.split(b"\r\n") if part.lower().startswith(b"content-length:")), 0)
                request += await reader.readexactly(length)
                seen.append(request)
                await speak(request, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        async with VendorHttp(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", deadline=1.0, at_most=10_000) as http:
            yield http, seen
    finally:
        server.close()


def says(body: bytes, status: str = "200 OK", length: int | None = None) -> Speak:
    async def speak(request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body) if length is None else length}\r\n\r\n".encode() + body)

    return speak


async def hangs_up(request: bytes, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def is_silent(request: bytes, writer: asyncio.StreamWriter) -> None:
    return None


async def test_amounts_travel_as_exact_numbers_both_ways() -> None:
    async with vendor(says(b'{"amount": 0.10, "count": 3}')) as (http, seen):
        reply = await http.call("POST", "/x", json={"amount": Decimal("12345678901234567.890")})
    assert reply.json == {"amount": Decimal("0.10"), "count": 3}
    assert seen[0].endswith(b'{"amount":12345678901234567.890}')


async def test_a_redirect_is_an_answer_like_any_other() -> None:
    async with vendor(says(b"", "302 Found")) as (http, seen):
        assert (await http.call("GET", "/x")).status == 302
    assert len(seen) == 1


async def test_nothing_is_sent_where_nobody_listens() -> None:
    async with vendor(is_silent) as (http, _):
        base = http.base
    with pytest.raises(Unreachable, match="PUT"):
        async with VendorHttp(base) as gone:
            await gone.call("PUT", "/x")


@pytest.mark.parametrize("speak", [hangs_up, is_silent, says(b"{", length=100)], ids=["hangs up", "is silent", "stops half-way"])
async def test_what_was_sent_and_not_answered_in_full_has_no_answer(speak: Speak) -> None:
    async with vendor(speak) as (http, seen):
        with pytest.raises(NoAnswer) as raised:
            await http.call("PUT", "/x", json={})
    assert raised.value.exchange.request.startswith("PUT http://127.0.0.1")
    assert len(seen) == 1


async def test_an_answer_that_dribbles_is_given_up_at_the_deadline_though_each_piece_comes_soon() -> None:
    async def dribbles(request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
        for _ in range(100):
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.1)

    async with vendor(dribbles) as (http, _):
        began = asyncio.get_running_loop().time()
        with pytest.raises(NoAnswer, match="within 1 s"):
            await http.call("PUT", "/x")
        assert asyncio.get_running_loop().time() - began < 5


async def test_a_kept_connection_that_drops_is_not_sent_over_again() -> None:
    answers = iter([says(b"{}"), hangs_up, says(b"{}")])

    async def speak(request: bytes, writer: asyncio.StreamWriter) -> None:
        await next(answers)(request, writer)

    async with vendor(speak) as (http, seen):
        await http.call("GET", "/x")
        with pytest.raises(NoAnswer):
            await http.call("PUT", "/x", json={})
    assert len(seen) == 2


async def test_an_answer_that_is_too_long_is_not_read_to_its_end() -> None:
    async with vendor(says(b"x" * 20_000)) as (http, _):
        with pytest.raises(NoAnswer, match="longer than 10000 bytes"):
            await http.call("GET", "/x")


async def test_the_trace_goes_with_the_call() -> None:
    provider = TracerProvider()
    async with vendor(says(b"")) as (http, seen):
        with provider.get_tracer("test").start_as_current_span("work") as span:
            await http.call("GET", "/x")
    assert f"traceparent: 00-{trace.format_trace_id(span.get_span_context().trace_id)}".encode() in seen[0]


@pytest.mark.parametrize(
    "text",
    [
        '{"access_token": "SECRET", "n": 1}',
        '{"password":"SEC\\"RET"',
        "grant_type=x&client_assertion=SECRET&y=1",
        "Authorization: Bearer SECRET",
        '{"client_secret": "SECRET',
    ],
)
def test_secrets_are_masked_in_what_is_kept(text: str) -> None:
    assert "SEC" not in masked(text)
    assert "***" in masked(text.encode())
