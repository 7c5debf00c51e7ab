"""Is this container well? Asks one address on this machine: `python -m deploy.images.healthy http://127.0.0.1:8730/readyz`."""

import sys
from http.client import HTTPException
from urllib.request import urlopen


def main() -> int:
    try:
        with urlopen(sys.argv[1], timeout=3) as answer:  # noqa: S310  our own address
            return 0 if answer.status < 400 else 1
    except (OSError, HTTPException) as error:
        print(error)
        return 1


if __name__ == "__main__":
    sys.exit(main())
