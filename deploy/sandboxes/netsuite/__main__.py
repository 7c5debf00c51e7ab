"""python -m deploy.sandboxes.netsuite --port N --home DIR"""

from deploy.sandboxes.common.launch import parser, serve
from deploy.sandboxes.netsuite.app import Limits, build


def main() -> None:
    options = parser("netsuite")
    usual = Limits()
    options.add_argument("--concurrency", type=int, default=usual.concurrency, help="requests at once per account (default %(default)s)")
    options.add_argument("--max-body", type=int, default=usual.max_body, help="bytes a request may carry (default %(default)s)")
    chosen = options.parse_args()
    limits = Limits(concurrency=chosen.concurrency, max_body=chosen.max_body)
    serve("netsuite", chosen, lambda home: build(home, limits, chosen.latency_ms))


if __name__ == "__main__":
    main()
