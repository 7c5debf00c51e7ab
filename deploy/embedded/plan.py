"""What one `up` is asked for, and the addresses that follow from it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from deploy.embedded import kafka, postgres
from deploy.embedded.credentials import credential

EMBEDDED = "embedded"
CONSOLE, DOOR, REGISTRY, NETSUITE, PSA, CRM, KPIS = range(7)
"""Offsets from the port base. Kafka, PostgreSQL and the services' ops ports follow further up."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One stack: its home (absolute), its ports, and for each part either `embedded` or the address of one that runs elsewhere."""

    home: Path
    port_base: int = 8700
    nodes: int = 1
    broker: str = EMBEDDED
    database: str = EMBEDDED
    schemas: str = EMBEDDED

    @property
    def cluster(self) -> kafka.Cluster:
        return kafka.Cluster(self.home, self.port_base, self.nodes)

    @property
    def bootstrap(self) -> str:
        return self.cluster.bootstrap if self.broker == EMBEDDED else self.broker

    @property
    def registry(self) -> str:
        return self.url(REGISTRY) if self.schemas == EMBEDDED else self.schemas.rstrip("/")

    @property
    def postgres_port(self) -> int:
        return self.port_base + postgres.PORT_OFFSET

    @property
    def admin_dsn(self) -> str:
        """The DSN of a role that may create roles."""
        return postgres.dsn(self.home, self.postgres_port) if self.database == EMBEDDED else self.database

    def service_dsn(self, service: str) -> str:
        """The same database as the service's own role sees it."""
        admin = urlsplit(self.admin_dsn)
        place = admin.netloc.rpartition("@")[2]
        return admin._replace(netloc=f"{service}:{quote(credential(self.home, service))}@{place}").geturl()

    def url(self, offset: int) -> str:
        return f"http://127.0.0.1:{self.port_base + offset}"
