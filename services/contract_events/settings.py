"""What contract_events is told from outside, as THROUGHLINE_* variables, beside what every service is told."""

import os
import secrets
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from services.contract_events.policy import REQUIRED_ROLES
from shared.kernel.contract import ContractType
from shared.runtime.settings import RuntimeSettings


def _split(text: object) -> object:
    return tuple(filter(None, (part.strip() for part in text.split(",")))) if isinstance(text, str) else text


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
Secrets = Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(_split)]


class Settings(BaseSettings):
    """Lists are separated by commas; an empty text is an empty list. Sizes in bytes, times in seconds."""

    model_config = SettingsConfigDict(env_prefix="THROUGHLINE_", extra="ignore")

    runtime: RuntimeSettings = Field(default_factory=RuntimeSettings)  # type: ignore[arg-type]  # read from the environment
    approve_msa: Names = Field(default=REQUIRED_ROLES[ContractType.MSA], description="Roles that approve a framework agreement")
    approve_sow: Names = Field(default=REQUIRED_ROLES[ContractType.SOW], description="Roles that approve a statement of work")
    approve_change_order: Names = Field(default=REQUIRED_ROLES[ContractType.CHANGE_ORDER], description="Roles that approve a change order")
    port: int = Field(default=8701, ge=0, le=65535, description="Port of the door: webhooks and intake")
    door_host: str = Field(default="127.0.0.1", description="Address that the door listens on")
    door_token: SecretStr | None = Field(default=None, description="Token that intake asks for; without it the home's run/secrets/door_token")
    docusign_keys: Secrets = Field(default=(), description="Connect HMAC keys; several while they are being replaced")
    ironclad_key: str = Field(default="", description="Ironclad's public verification key, PEM")
    ironclad_contract: str = Field(default="{workflow_id}", description="Contract id of an Ironclad workflow")
    signature_role: str = Field(default="legal", description="Role that a completed envelope or workflow approves for")
    hook_bytes: int = Field(default=1 << 20, ge=1, description="Largest webhook")
    batch_bytes: int = Field(default=16 << 20, ge=1, description="Largest intake batch")
    batch_lines: int = Field(default=5000, ge=1, description="Most lines in an intake batch")
    read_s: float = Field(default=10, gt=0, description="Time for a request's line and headers to come, and again for its body")

    def token(self) -> str:
        """The door's token: as set, else the home's, drawn at the first start and readable by its owner alone. An empty text is no token."""
        if self.door_token is not None and (given := self.door_token.get_secret_value().strip()):
            return given
        if self.runtime.home is not None and (kept := _kept(self.runtime.home / "run" / "secrets" / "door_token")):
            return kept
        raise ValueError("the door has no token: set THROUGHLINE_DOOR_TOKEN, or THROUGHLINE_HOME for one that is drawn and kept there")


def _kept(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="ascii").strip()
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(drawn := secrets.token_hex(16))
    return drawn
