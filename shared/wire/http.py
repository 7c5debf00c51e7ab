"""Calls to vendors over HTTP: one deadline for the whole call, a bounded answer, and exact words for what went wrong.

The one question that matters after a failure is whether the vendor may have acted. So there are two errors and no third: `Unreachable`
(not a byte of the request left) and `NoAnswer` (it left, or may have left, and no whole answer came back).
"""

import asyncio
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from types import SimpleNamespace, TracebackType
from typing import Self

import aiohttp
import msgspec
from multidict import CIMultiDict, CIMultiDictProxy
from opentelemetry import propagate, trace
from yarl import URL

KEPT_TEXT = 16_384  # characters of each body that are kept for people
_ENCODER = msgspec.json.Encoder(decimal_format="number")
_DECODER = msgspec.json.Decoder(float_hook=Decimal)
_SECRETS = r"access_token|refresh_token|id_token|client_assertion|assertion|client_secret|password|authorization|private_key|api_key"
_IN_JSON = re.compile(rf'("(?:{_SECRETS})"\s*:\s*)"(?:[^"\\]|\\.)*"?', re.IGNORECASE)
_IN_FORM = re.compile(rf"\b((?:{_SECRETS})=)[^&\s\"]*", re.IGNORECASE)
_BEARER = re.compile(r"\b(Bearer|Basic)\s+[\w.~+/=-]+", re.IGNORECASE)
_tracer = trace.get_tracer("throughline.http")


@dataclass(frozen=True, slots=True)
class HttpExchange:
    """One request and its response as kept for people: text with secrets masked; `status` None without a response."""

    request: str
    request_body: str = ""
    status: int | None = None
    response_body: str = ""


class Unreachable(Exception):
    """Nothing was sent: no such host, connection refused, TLS refused, or no connection in time."""

    def __init__(self, message: str, exchange: HttpExchange) -> None:
        super().__init__(message)
        self.exchange = exchange


class NoAnswer(Exception):
    """The request left and no whole answer came: look before sending it again."""

    def __init__(self, message: str, exchange: HttpExchange) -> None:
        super().__init__(message)
        self.exchange = exchange


@dataclass(frozen=True, slots=True)
class HttpReply:
    """A whole answer. `json` is None when the body is not JSON; numbers in it are int or Decimal, never float."""

    status: int
    headers: Mapping[str, str]
    json: object
    exchange: HttpExchange


@dataclass(slots=True)
class _Call:
    """What is known of a call while it runs; the session's trace hook notes when its first byte leaves."""

    request: str
    request_body: str
    sent: bool = field(default=False)

    def kept(self, status: int | None = None, body: bytes = b"") -> HttpExchange:
        return HttpExchange(self.request, self.request_body, status, masked(body))


def masked(text: str | bytes) -> str:
    """`text` without the values of credentials, cut to what is kept."""
    text = text[:KEPT_TEXT].decode("utf-8", "replace") if isinstance(text, bytes) else text[:KEPT_TEXT]
    return _BEARER.sub(r"\1 ***", _IN_FORM.sub(r"\1***", _IN_JSON.sub(r'\1"***"', text)))


class VendorHttp:
    """Calls under one base URL. `deadline`: seconds for a whole call, from connecting to the last byte. `at_most`: bytes of an answer."""

    def __init__(self, base: str, *, deadline: float = 30.0, at_most: int = 4_194_304) -> None:
        self.base = base.rstrip("/")
        self._deadline = deadline
        self._at_most = at_most
        self._session: aiohttp.ClientSession | None = None
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        await self.close()

    async def close(self, within: float = 0.0) -> None:
        """Let the calls under way end for `within` seconds, then close the connections. A later call opens new ones."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._idle.wait()
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()

    async def call(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> HttpReply:
        """Send `json` (Decimals as exact numbers) or `form` to `path` and return the whole answer, whatever its status.

        Raises Unreachable when nothing was sent, NoAnswer when it was and no whole answer came within the deadline.
        """
        body, sent_headers = self._written(json, form, headers or {})
        call = _Call(masked(f"{method} {self.base}{path}"), masked(body))
        with _tracer.start_as_current_span(f"HTTP {method}", kind=trace.SpanKind.CLIENT) as span:
            propagate.inject(sent_headers)
            span.set_attribute("url.full", masked(f"{self.base}{path}"))
            with self._counted():
                reply = await self._answered(call, method, path, body, sent_headers)
            span.set_attribute("http.response.status_code", reply.status)
            return reply

    @contextmanager
    def _counted(self) -> Iterator[None]:
        self._under_way += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()

    def _written(self, json: object, form: Mapping[str, str] | None, headers: Mapping[str, str]) -> tuple[bytes, CIMultiDict[str]]:
        written = CIMultiDict({"Accept": "application/json", **headers})
        if form is not None:
            written.setdefault("Content-Type", "application/x-www-form-urlencoded")
            return str(URL.build(query=form).raw_query_string).encode(), written
        if json is not None:
            written.setdefault("Content-Type", "application/json")
            return _ENCODER.encode(json), written
        return b"", written

    async def _answered(self, call: _Call, method: str, path: str, body: bytes, headers: CIMultiDict[str]) -> HttpReply:
        try:
            async with asyncio.timeout(self._deadline):
                return await self._exchanged(call, method, path, body, headers)
        except TimeoutError as error:
            raise self._failure(call, f"no answer within {self._deadline:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise self._failure(call, str(error) or type(error).__name__) from error

    async def _exchanged(self, call: _Call, method: str, path: str, body: bytes, headers: CIMultiDict[str]) -> HttpReply:
        request = self._open().request(method, self.base + path, data=body or None, headers=headers, allow_redirects=False, trace_request_ctx=call)
        async with request as response:
            content = await self._read(response, call)
            return HttpReply(response.status, CIMultiDictProxy(response.headers), _parsed(content), call.kept(response.status, content))

    async def _read(self, response: aiohttp.ClientResponse, call: _Call) -> bytes:
        content = bytearray()
        async for chunk in response.content.iter_chunked(65_536):
            content += chunk
            if len(content) > self._at_most:
                response.close()
                raise NoAnswer(f"{call.request}: the answer is longer than {self._at_most} bytes", call.kept(response.status))
        return bytes(content)

    def _failure(self, call: _Call, why: str) -> Unreachable | NoAnswer:
        return (NoAnswer if call.sent else Unreachable)(f"{call.request}: {why}", call.kept())

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            hooks = aiohttp.TraceConfig()
            hooks.on_request_headers_sent.append(_note_sent)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),  # how many calls run at once is the governor's to say
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._deadline),
                cookie_jar=aiohttp.DummyCookieJar(),
                trace_configs=[hooks],
            )
            # aiohttp sends a PUT again by itself when a kept-alive connection drops; whether to send again is not its to decide.
            self._session._retry_connection = False
        return self._session


async def _note_sent(session: aiohttp.ClientSession, context: SimpleNamespace, params: aiohttp.TraceRequestHeadersSentParams) -> None:
    context.trace_request_ctx.sent = True


def _parsed(content: bytes) -> object:
    try:
        return _DECODER.decode(content) if content else None
    except msgspec.DecodeError:
        return None
