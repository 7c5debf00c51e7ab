"""What psa_sync is told from outside, as THROUGHLINE_* variables, beside what every service is told."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.runtime.settings import RuntimeSettings


class Settings(BaseSettings):
    """Where the PSA is and how it is signed in to. Durations in seconds."""

    model_config = SettingsConfigDict(env_prefix="THROUGHLINE_", extra="ignore")

    runtime: RuntimeSettings = Field(default_factory=RuntimeSettings)  # type: ignore[arg-type]  # read from the environment
    psa_url: str = Field(default="http://127.0.0.1:8704", description="My Domain address of the PSA's Salesforce org")
    psa_client_id: str = Field(default="throughline", description="Consumer key of the connected app")
    psa_client_secret: SecretStr | None = Field(default=None, description="Consumer secret of the connected app; wins over the file")
    psa_client_secret_file: Path | None = Field(
        default=None, description="File with the consumer secret; in the embedded run HOME/run/secrets/psa_client_secret"
    )
    psa_concurrency: int = Field(default=10, ge=1, description="Calls at once; an org answers 25 long ones, and leaves room for people")
    psa_deadline_s: float = Field(default=30.0, gt=0, description="Longest time for one call; keep it below the lease of an effect")

    def psa_secret(self) -> str:
        """Raises OSError when the file cannot be read."""
        if self.psa_client_secret is not None:
            return self.psa_client_secret.get_secret_value()
        default = (self.runtime.home or Path(".throughline")) / "run" / "secrets" / "psa_client_secret"
        return (self.psa_client_secret_file or default).read_text().strip()
