"""Makes a stack ready for its services: rooms and tables in PostgreSQL, topics in Kafka, schemas in the registry.

On the way of every start, so it is quick when nothing is left to do, and harmless to repeat.
`python -m shared.ops.prepare --home DIR` reads THROUGHLINE_POSTGRES_ADMIN, THROUGHLINE_KAFKA and THROUGHLINE_REGISTRY.
"""

import argparse
import os
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from shared.ops.database import PreparationError
from shared.ops.errors import for_people
from shared.wire import catalogue


def prepare(postgres_dsn: str, kafka: str, registry: str, passwords: Mapping[str, str]) -> list[str]:
    """Do what is still to be done, all three at the same time; what was done, a line each.

    `postgres_dsn` is of a role that may create roles, `kafka` is HOST:PORT,…, `registry` a URL, `passwords` by service.
    Raises PreparationError, TopicsError, SchemaError, RegistryAway, Refused.
    """
    from shared.ops import database, schemas, topics

    with ThreadPoolExecutor(3) as pool:
        parts = (
            pool.submit(database.ensure, postgres_dsn, passwords),
            pool.submit(topics.apply, kafka),
            pool.submit(schemas.publish, registry),
        )
        return [line for part in parts for line in part.result()]


def passwords_in(folder: Path) -> dict[str, str]:
    """The password of every service's role: a file named after the service. Raises PreparationError for one that is missing."""
    return {service: _password(folder / service) for service in catalogue.load().services}


def _password(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise PreparationError(f"No password for the role {path.name}: {path} cannot be read ({error.strerror}). Write one line there.") from error


def _address(name: str) -> str:
    if not (value := os.environ.get(name)):
        raise PreparationError(f"{name} is not set: name the address there.")
    return value


def main() -> None:
    parser = argparse.ArgumentParser(prog="shared.ops.prepare", description="Make databases, topics and schemas ready.")
    place = parser.add_mutually_exclusive_group(required=True)
    place.add_argument("--home", type=Path, help="the home of an embedded stack; passwords are in its run/secrets")
    place.add_argument("--secrets", type=Path, help="a folder with one password file for each service")
    args = parser.parse_args()
    try:
        passwords = passwords_in(args.secrets or args.home / "run" / "secrets")
        done = prepare(_address("THROUGHLINE_POSTGRES_ADMIN"), _address("THROUGHLINE_KAFKA"), _address("THROUGHLINE_REGISTRY"), passwords)
    except Exception as error:
        if not for_people(error):
            raise
        sys.exit(str(error))
    print("\n".join(done) or "nothing to do")


if __name__ == "__main__":
    main()
