"""What every service is told from outside, as THROUGHLINE_* variables."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class RuntimeSettings(BaseSettings):
    """Addresses and limits that all services share. Durations in seconds."""

    model_config = SettingsConfigDict(env_prefix="THROUGHLINE_", extra="ignore")

    kafka: str = Field(description="Bootstrap servers, HOST:PORT[,HOST:PORT]")
    postgres: SecretStr = Field(description="DSN of the service's own role")
    registry: str = Field(description="URL of the schema registry")
    ops_port: int = Field(description="Port of /metrics, /livez, /readyz and /status on ops_host")
    ops_host: str = Field("127.0.0.1", description="Address that the ops port listens on")
    ops_token: SecretStr | None = Field(None, description="Token that changing dead letters over the ops port asks for; wins over the file")
    ops_token_file: Path | None = Field(None, description="File with that token; in the embedded run HOME/run/secrets/ops_token")
    home: Path | None = Field(None, description="Home folder of the embedded run")
    log_level: str = Field("INFO", description="Least severe level that is logged")
    otlp_endpoint: str | None = Field(None, description="URL of an OpenTelemetry collector; without it spans are not exported")
    trace_ratio: float = Field(1.0, ge=0, le=1, description="Share of traces that are exported")
    batch_records: int = Field(2000, ge=1, description="Records decided in one transaction at the most")
    pool_size: int = Field(6, ge=2, description="Connections to Postgres")
    poll_s: float = Field(0.25, gt=0, description="How often inbox and effects are looked at when nothing says so sooner")
    session_timeout_s: float = Field(10, ge=6, description="After this silence a member of the consumer group is taken for dead")
    effect_lease_s: float = Field(60, gt=0, description="After this a call without an answer is taken for lost; longer than any call's deadline")
    open_effects_limit: int = Field(20_000, ge=1, description="With this many calls waiting, no further records are read")
    wake_per_second: float = Field(500, gt=0, description="How fast the waiters of a supplied key are woken")
    drain_s: float = Field(15, gt=0, description="Time to finish what is under way at SIGTERM")
