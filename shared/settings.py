"""Every setting of a Syncline process: from `SYNCLINE_*` variables, from files they name, or from a folder of secrets.

A setting `kafka_bootstrap` is read from, first found first: the variable `SYNCLINE_KAFKA_BOOTSTRAP`; the file that
`SYNCLINE_KAFKA_BOOTSTRAP_FILE` names; the file `syncline_kafka_bootstrap` in the folder `SYNCLINE_SECRETS_DIR`. A
variable that starts with `SYNCLINE_` and is none of these is refused: a misspelt setting would otherwise be ignored.
"""

import difflib
import os
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from shared.wire.topics import Kept

PREFIX: Final = "SYNCLINE_"
_FILE: Final = "_FILE"
_SECRETS_DIR: Final = "SYNCLINE_SECRETS_DIR"


class SettingsError(Exception):
    """A setting is unknown, unreadable or wrong; the message says which, and what to do."""


def _split(value: object) -> object:
    """Read a list as people write it in a variable: separated by commas."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
Port = Annotated[int, Field(ge=0, le=65535)]


class _FileSource(PydanticBaseSettingsSource):
    """Reads `SYNCLINE_<FIELD>_FILE`: the variable holds a path, the file holds the value."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Return the content of the file that stands for a field, without the newline that editors add."""
        del field
        variable = f"{PREFIX}{field_name.upper()}{_FILE}"
        path = os.environ.get(variable)
        if path is None:
            return None, field_name, False
        try:
            return Path(path).read_text().rstrip("\r\n"), field_name, False
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"{variable} names {path!r}, which cannot be read: {error}") from error

    def __call__(self) -> dict[str, Any]:
        """Return all fields that come from files."""
        found = {name: self.get_field_value(info, name)[0] for name, info in self.settings_cls.model_fields.items()}
        return {name: value for name, value in found.items() if value is not None}


class Settings(BaseSettings):
    """What an operator decides. Each process reads the part it needs."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid", use_attribute_docstrings=True)

    # Kafka

    kafka_bootstrap: str = "127.0.0.1:9092"
    """Brokers to start from, `host:port`, separated by commas."""
    kafka_client_id: str = "syncline"
    """Name under which the brokers' own metrics and quotas know us."""
    kafka_security: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    """How to talk to the brokers."""
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    """How to sign in where `kafka_security` starts with SASL."""
    kafka_username: str = ""
    """User where `kafka_security` starts with SASL."""
    kafka_password: SecretStr = SecretStr("")
    """Password where `kafka_security` starts with SASL."""
    kafka_ca_file: Path | None = None
    """Certificates that vouch for the brokers; the system's own when unset."""
    kafka_partitions: int = Field(default=8, ge=1, le=1000)
    """Partitions of each topic made new; the upper bound of workers that share one kind of work. A topic that exists
    keeps its number: the order of a record's changes rests on it."""
    kafka_replication: int = Field(default=3, ge=1, le=9)
    """Copies of each partition of topics made new. Three survive the loss of a broker; one is for a single machine,
    and is asked for by name because the loss of that disk loses changes."""
    publish_timeout_s: float = Field(default=5.0, gt=0, le=60)
    """Seconds to wait for Kafka's acknowledgement before work is taken as not published and is done again."""
    webhook_ack_timeout_s: float = Field(default=0.9, gt=0, le=10)
    """The same for a webhook: its sender is told 503 after that time, and sends it again."""
    poll_batch: int = Field(default=500, ge=1, le=10_000)
    """Most messages that a worker takes at once. Larger batches cost memory, smaller ones round trips."""
    match_batch: int = Field(default=1000, ge=1, le=10_000)
    """The same for the matcher, where one batch costs two round trips to Redis."""
    session_timeout_s: float = Field(default=10.0, ge=6, le=300)
    """Seconds without a sign of life after which a worker's partitions go to others. Brokers take six at least."""
    instance: str = Field(default="", pattern=r"^[A-Za-z0-9._-]{0,120}$")
    """Name of this process within its service (static membership: a restart under the same name keeps its partitions
    without a pause for the others). The host's name when empty, which is right in a StatefulSet; two processes of
    one service with one name throw each other out."""

    # Redis, secrets, files

    redis_url: SecretStr = SecretStr("redis://127.0.0.1:6379/0")
    """Where links and indexes live, `redis://` or `rediss://`, with the password in it where there is one. Its
    eviction policy must be `noeviction`."""
    redis_timeout_s: float = Field(default=5.0, gt=0, le=60)
    """Seconds to wait for an answer of Redis."""
    key_file: Path | None = None
    """Keys that seal secrets of connections: one base64 line of 32 bytes a key, the newest first."""
    data_dir: Path = Path("data")
    """Folder of the console's SQLite files: views, which can be built again."""

    # Addresses

    ingest_host: str = "127.0.0.1"
    """Address on which webhooks are received."""
    ingest_port: Port = 8701
    """Port on which webhooks are received."""
    public_url: str = "http://127.0.0.1:8701"
    """Address under which apps reach ingest, as their webhook signatures cover it; no slash at the end. The console
    shows and checks it."""
    console_host: str = "127.0.0.1"
    """Address of the console's API and pages."""
    console_port: Port = 8702
    """Port of the console's API and pages."""
    console_names: Names = ()
    """Names under which the console is called, beside `localhost` and addresses; a request under another name is
    refused, because a page elsewhere could have its own name lead here."""
    console_token: SecretStr | None = None
    """Bearer token of the console's API. Without it the console refuses to start."""
    metrics_host: str = "127.0.0.1"
    """Address of `/metrics`, `/healthz` and `/readyz`."""
    metrics_port: Port = 9400
    """Port of `/metrics`, `/healthz` and `/readyz` of this process; 0 picks a free one."""
    allow_private_addresses: Names = ()
    """Hosts (`host`, `host:port` or a network such as `10.0.0.0/8`) that connections, and sign-in by a provider, may
    reach although they are private. Empty by default: who can type a URL could otherwise look into your network."""
    http_ca_file: Path | None = None
    """Certificates that vouch for apps, and a sign-in provider, of your own; the usual public ones when unset."""

    # Behaviour

    apps: Names = ("hubspot", "carddav")
    """Apps of this installation; each has its own topics of writes."""
    history_days: int = Field(default=90, ge=1, le=3650)
    """Days for which it can be seen what was decided about a record, with old and new values, where no
    admin has decided. The console tells Kafka."""
    health_days: int = Field(default=90, ge=1, le=3650)
    """Days for which it can be seen how everything stood, hour by hour, where no admin has decided. The console
    tells Kafka."""
    console_calls_per_minute: int = Field(default=1_200, ge=0, le=1_000_000)
    """Calls that one token of the API, or one session of the pages, may make a minute, at all consoles together. What
    is dear, such as a job, a file or a question to an app, counts as several. `0`: as many as anybody likes."""
    activity_days: int = Field(default=365, ge=1, le=3650)
    """Days for which the console's activity log tells who did what, where no admin has decided. The console
    tells Kafka."""
    backfill_share: float = Field(default=0.99, gt=0, le=1)
    """Share of an account's quota that first syncs and resyncs may use while nothing live waits."""
    watchdog_s: float = Field(default=60.0, ge=5)
    """Seconds for which a partition with waiting messages may stand still before the process exits to be started
    anew. No batch is held for much more than `hold_limit_s`, so standing still is always a fault."""
    hold_limit_s: float = Field(default=10.0, ge=1, le=30)
    """Seconds for which the writer may hold a batch of changes; what is not written by then waits in `later.*`."""
    stop_timeout_s: float = Field(default=10.0, ge=1, le=40)
    """Seconds to finish the work in hand after SIGTERM."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least important line that is logged."""

    @property
    def kept(self) -> Kept:
        """Return for how many days things are kept where no admin has decided."""
        return Kept(history_days=self.history_days, health_days=self.health_days, activity_days=self.activity_days)

    @property
    def instance_id(self) -> str:
        """Name this process within its service."""
        return self.instance or socket.gethostname()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the hook's signature; no hidden .env is read
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order the sources: arguments, variables, files that variables name, the folder of secrets."""
        return init_settings, env_settings, _FileSource(settings_cls), file_secret_settings


def load(**overrides: Any) -> Settings:
    """Read the settings of this process; raises `SettingsError` with a sentence for people."""
    _refuse_unknown(os.environ)
    folder = os.environ.get(_SECRETS_DIR)
    if folder is not None and not Path(folder).is_dir():
        raise SettingsError(f"{_SECRETS_DIR} names {folder!r}, which is no folder: create it, or unset the variable.")
    given = {**overrides, "_secrets_dir": folder} if folder else overrides
    try:
        return Settings(**given)
    except ValidationError as error:
        rows = (f"{PREFIX}{str(row['loc'][0]).upper()}: {row['msg']}" for row in error.errors(include_input=False))
        raise SettingsError("These settings are wrong. " + "; ".join(rows)) from None


def _refuse_unknown(environ: Mapping[str, str]) -> None:
    known = set(_variables())
    for name in sorted(environ):
        if not name.startswith(PREFIX) or name in known:
            continue
        near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.0)
        raise SettingsError(f"{name} is no setting of Syncline. Did you mean {near[0]}? Correct it, or unset it.")
    both = [name for name in known if name in environ and f"{name}{_FILE}" in environ]
    if both:
        raise SettingsError(f"{both[0]} and {both[0]}{_FILE} are both set: keep one of them.")


def _variables() -> Iterable[str]:
    for name in Settings.model_fields:
        yield f"{PREFIX}{name.upper()}"
        yield f"{PREFIX}{name.upper()}{_FILE}"
    yield _SECRETS_DIR


def table() -> str:
    """Write the settings as a Markdown table, for the reference."""
    rows = ["| variable | default | what it means |", "| --- | --- | --- |"]
    for name, info in Settings.model_fields.items():
        text = " ".join((info.description or "").split()).replace("|", "\\|")
        rows.append(f"| `{PREFIX}{name.upper()}` | {_default(info)} | {text} |")
    return "\n".join(rows) + "\n"


def _default(info: FieldInfo) -> str:
    value = info.default
    if isinstance(value, SecretStr):
        value = value.get_secret_value()  # the default is public: it stands in this file
    if isinstance(value, tuple):
        value = ",".join(value)
    return f"`{value}`" if value not in (None, "") else "(none)"
