"""Asks the other services how they are, at their ops addresses."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import aiohttp

from services.visibility.ports import views

FRESH_S = 2.0
STALE_S = 15.0


class OpsPorts:
    """`Neighbours` over each service's `/status`.

    Answers are kept, so that readers neither multiply questions nor wait for a service that is silent: one older than two seconds is
    given once more while it is asked for anew, one older than fifteen is not.
    """

    def __init__(self, urls: Sequence[str], timeout_s: float) -> None:
        self.urls, self.timeout = tuple(urls), aiohttp.ClientTimeout(total=timeout_s)
        self._kept: tuple[float, views.Platform] | None = None
        self._before: dict[str, tuple[float, int]] = {}
        self._names: dict[str, str] = {}
        self._asking = asyncio.Lock()
        self._refreshing: asyncio.Task[views.Platform] | None = None

    async def platform(self) -> views.Platform:
        age = time.monotonic() - self._kept[0] if self._kept else STALE_S
        if self._kept is None or age >= STALE_S:
            return await self._refresh()
        if age > FRESH_S and (self._refreshing is None or self._refreshing.done()):
            self._refreshing = asyncio.create_task(self._refresh())
        return self._kept[1]

    async def _refresh(self) -> views.Platform:
        async with self._asking:
            if self._kept is None or time.monotonic() - self._kept[0] > FRESH_S:
                self._kept = (time.monotonic(), await self._ask())
            return self._kept[1]

    async def _ask(self) -> views.Platform:
        async with aiohttp.ClientSession(timeout=self.timeout) as session:
            answers = await asyncio.gather(*(_status(session, url) for url in self.urls))
        services = [self._line(url, answer) for url, answer in zip(self.urls, answers, strict=True)]
        return views.Platform(services=services, targets=[line for answer in answers if answer for line in _targets(answer)])

    def _line(self, url: str, answer: Mapping[str, Any] | None) -> views.ServiceLine:
        if answer is None:
            name = self._names.get(url, url.removeprefix("http://"))
            return views.ServiceLine(name=name, state="silent", lag=None, decisions_per_s=None, open_calls=None, asked_at=datetime.now(UTC))
        name = self._names[url] = str(answer["service"])
        lag = int(answer["lag"])
        return views.ServiceLine(
            name=name,
            state="halted" if answer.get("halted") else "behind" if lag else "up",
            lag=lag,
            decisions_per_s=self._rate(name, int(answer["processed"])),
            open_calls=int(answer["effects_open"]),
            asked_at=datetime.now(UTC),
        )

    def _rate(self, name: str, processed: int) -> float | None:
        """Decisions a second since it was asked last; a smaller count than then is a restart."""
        now = time.monotonic()
        before, self._before[name] = self._before.get(name), (now, processed)
        if before is None or processed < before[1]:
            return None
        return round((processed - before[1]) / max(now - before[0], 0.001), 1)


async def _status(session: aiohttp.ClientSession, url: str) -> Mapping[str, Any] | None:
    """None for a service that does not answer in time, or not with its status."""
    try:
        async with session.get(f"{url.rstrip('/')}/status") as response:
            answer = await response.json()
            return answer if response.status == 200 and {"service", "lag", "processed", "effects_open"} <= answer.keys() else None
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return None


def _targets(answer: Mapping[str, Any]) -> list[views.TargetLine]:
    """Systems that this service has calls open to, or a governor for."""
    return [
        views.TargetLine(
            name=target["target"],
            service=answer["service"],
            state=target.get("state", "flowing"),
            in_use=target.get("in_use"),
            allowance=target.get("allowance"),
            waiting_calls=target.get("open"),
        )
        for target in answer.get("targets", ())
    ]
