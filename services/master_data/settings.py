"""What master_data is told from outside, as THROUGHLINE_* variables."""

from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from shared.runtime.settings import RuntimeSettings


def _split(text: object) -> object:
    return tuple(filter(None, (part.strip() for part in text.split(",")))) if isinstance(text, str) else text


class Settings(BaseSettings):
    """Tenants are separated by commas."""

    model_config = SettingsConfigDict(env_prefix="THROUGHLINE_", extra="ignore")

    runtime: RuntimeSettings = Field(default_factory=RuntimeSettings)  # type: ignore[arg-type]  # read from the environment
    tax_tenants: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)] = Field(
        default=(), description="ERP tenants that take no contract without tax attributes"
    )
