"""python -m deploy.sandboxes.crm --port N --home DIR"""

from pathlib import Path

from aiohttp import web

from deploy.sandboxes.common.launch import parser, serve
from deploy.sandboxes.salesforce.app import Profile, build
from deploy.sandboxes.salesforce.objects import read_objects


def crm(home: Path, latency_ms: float = 0.0) -> web.Application:
    """The CRM sandbox over HOME/sandboxes/crm; empty at first."""
    return build(Profile("crm", read_objects(Path(__file__).parent / "objects.json")), home, latency_ms)


def main() -> None:
    chosen = parser("crm").parse_args()
    serve("crm", chosen, lambda home: crm(home, chosen.latency_ms))


if __name__ == "__main__":
    main()
