"""What visibility is told from outside, as THROUGHLINE_VISIBILITY_* variables, beside what every service is told."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.runtime.settings import RuntimeSettings


class Settings(BaseSettings):
    """Addresses and limits of the console and of the KPI app. Durations in seconds."""

    model_config = SettingsConfigDict(env_prefix="THROUGHLINE_VISIBILITY_", extra="ignore")

    runtime: RuntimeSettings = Field(default_factory=RuntimeSettings)  # type: ignore[arg-type]  # read from the environment
    console_host: str = Field(default="127.0.0.1", description="Address that the console listens on")
    console_port: int = Field(default=8700, ge=0, le=65535, description="Port of the console and the JSON API")
    service_urls: tuple[str, ...] = Field(
        default=tuple(f"http://127.0.0.1:{port}" for port in range(8730, 8735)), description="Ops addresses of all services, as a JSON list of URLs"
    )
    ask_timeout_s: float = Field(default=1.0, gt=0, description="How long a service may take to say how it is")
    look_s: float = Field(default=1.0, gt=0, description="How often an open page's stream looks for changes")
    tail_records: int = Field(default=200, ge=1, description="Statuses that a live tail keeps for a slow reader before it skips")
    sla_s: int = Field(default=900, gt=0, description="Agreed time from received to active")


class KpiSettings(BaseSettings):
    """What the KPI app is told. Durations in seconds."""

    model_config = SettingsConfigDict(env_prefix="THROUGHLINE_VISIBILITY_", extra="ignore")

    runtime: RuntimeSettings = Field(default_factory=RuntimeSettings)  # type: ignore[arg-type]  # read from the environment
    sla_s: int = Field(default=900, gt=0, description="Agreed time from received to active")
    window_s: int = Field(default=300, gt=0, description="Length of a window")
    hop_s: int = Field(default=300, gt=0, description="A new window begins so often; less than the length makes windows overlap")
    flush_s: float = Field(default=2.0, gt=0, description="How often changed windows are published")
    recount_s: int = Field(default=86_400, gt=0, description="Windows that ended longer ago than this are not published again")
