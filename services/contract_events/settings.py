"""What contract_events is told from outside, as THROUGHLINE_* variables."""

from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from shared.runtime.settings import RuntimeSettings


def _split(text: object) -> object:
    return tuple(filter(None, (part.strip() for part in text.split(",")))) if isinstance(text, str) else text


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]


class Settings(BaseSettings):
    """Approval roles are separated by commas; an empty text asks for none."""

    model_config = SettingsConfigDict(env_prefix="THROUGHLINE_", extra="ignore")

    runtime: RuntimeSettings = Field(default_factory=RuntimeSettings)
    approve_msa: Names = Field(default=("legal",), description="Roles that approve a framework agreement")
    approve_sow: Names = Field(default=("legal", "finance"), description="Roles that approve a statement of work")
    approve_change_order: Names = Field(default=("finance",), description="Roles that approve a change order")
