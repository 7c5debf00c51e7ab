"""python -m deploy.sandboxes.psa --port N --home DIR [--roster FILE]"""

import json
from pathlib import Path

from aiohttp import web

from deploy.sandboxes.common.launch import parser, serve
from deploy.sandboxes.salesforce.app import Profile, build
from deploy.sandboxes.salesforce.objects import EXTERNAL_KEY, read_objects

_ROOM = Path(__file__).parent
ROSTER = _ROOM / "roster.json"


def psa(home: Path, roster: Path = ROSTER, latency_ms: float = 0.0) -> web.Application:
    """The PSA sandbox over HOME/sandboxes/psa. `roster`: JSON [{code, name}], the resources there are; any other code is refused."""
    people = json.loads(roster.read_text())
    objects = read_objects(_ROOM / "objects.json", tuple(each["code"] for each in people))
    resources = [
        {EXTERNAL_KEY: each["code"], "LastName": each["name"], "pse__Is_Resource__c": True, "pse__Is_Resource_Active__c": True,
         "pse__Resource_Role__c": each["code"]}
        for each in people
    ]  # fmt: skip
    return build(Profile("psa", objects, {"Contact": resources}), home, latency_ms)


def main() -> None:
    options = parser("psa")
    options.add_argument("--roster", type=Path, default=ROSTER, help="JSON [{code, name}] of the resources that exist")
    chosen = options.parse_args()
    serve("psa", chosen, lambda home: psa(home, chosen.roster, chosen.latency_ms))


if __name__ == "__main__":
    main()
