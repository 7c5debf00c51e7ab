"""What erp_provisioning is told from outside, as THROUGHLINE_* variables, beside what every service is told."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.runtime.settings import RuntimeSettings


class Settings(BaseSettings):
    """Where the ERP tenants are and how they are signed in to. Durations in seconds."""

    model_config = SettingsConfigDict(env_prefix="THROUGHLINE_", extra="ignore")

    runtime: RuntimeSettings = Field(default_factory=RuntimeSettings)  # type: ignore[arg-type]  # read from the environment
    netsuite_url: str = Field(
        default="http://127.0.0.1:8703/{tenant}", description="Address of a NetSuite tenant; without {tenant} in it, the tenant is added as a path"
    )
    netsuite_urls: dict[str, str] = Field(
        default_factory=dict, description="Addresses of single tenants, as JSON: {tenant: https://ACCOUNT.suitetalk.api.netsuite.com}"
    )
    netsuite_client_id: str = Field(default="throughline", description="Client id of the integration record")
    netsuite_certificate_id: str = Field(default="throughline-certificate", description="Id of the certificate that belongs to the private key")
    netsuite_private_key: Path | None = Field(
        default=None, description="File with the RSA private key, PEM; in the embedded run HOME/run/secrets/netsuite_private.pem"
    )
    netsuite_concurrency: int = Field(default=15, ge=1, description="Requests that a tenant answers at once (5 for a shared account, 15 for tier 1)")
    netsuite_deadline_s: float = Field(default=30.0, gt=0, description="Longest time for one call; keep it below the lease of an effect")

    def netsuite_base(self, tenant: str) -> str:
        """The address below which the tenant's services are."""
        template = self.netsuite_urls.get(tenant, self.netsuite_url).rstrip("/")
        if tenant in self.netsuite_urls or "{tenant}" in template:
            return template.replace("{tenant}", tenant)
        return f"{template}/{tenant}"

    def netsuite_key_file(self) -> Path:
        return self.netsuite_private_key or (self.runtime.home or Path(".throughline")) / "run" / "secrets" / "netsuite_private.pem"
