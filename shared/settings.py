"""Settings every service has. Values come from the environment or from files (secrets).

A value is looked up as ``INTERCLUSTER_<SERVICE>_<NAME>`` first and ``INTERCLUSTER_<NAME>`` second,
so that a site sets common things once and single services may differ.
"""

import os
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

COMMON_PREFIX = "INTERCLUSTER_"


class _CommonEnvironment(PydanticBaseSettingsSource):
    """Second look-up: the value that all services share, then ``<NAME>_FILE`` for secrets from files."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        own_prefix = str(self.config.get("env_prefix", ""))
        for prefix in (own_prefix, COMMON_PREFIX):
            path = os.environ.get(f"{prefix}{field_name}_FILE".upper())
            if path and f"{field_name}_file" not in self.settings_cls.model_fields:
                return Path(path).read_text(encoding="utf-8").strip(), field_name, False
        return os.environ.get(f"{COMMON_PREFIX}{field_name}".upper()), field_name, False

    def __call__(self) -> dict[str, Any]:
        found = {}
        for name, field in self.settings_cls.model_fields.items():
            value, key, _ = self.get_field_value(field, name)
            if value is not None:
                found[key] = self.prepare_field_value(name, field, value, self.field_is_complex(field))
        return found


class ServiceSettings(BaseSettings):
    """What every service needs. Subclass it with ``env_prefix="INTERCLUSTER_<SERVICE>_"``."""

    model_config = SettingsConfigDict(env_prefix=COMMON_PREFIX, extra="ignore")

    database_url: SecretStr = SecretStr("postgresql+asyncpg://intercluster@127.0.0.1:5432/intercluster")
    database_pool_size: int = 8
    database_ssl_root_certificate: Path | None = None
    """When set, the server's certificate is verified against this root (TLS, verify-full)."""

    kafka_bootstrap_servers: str = "127.0.0.1:9092"
    kafka_profile: Literal["embedded", "kafka"] = "kafka"
    """``embedded``: the one-machine broker, which knows no idempotent producer. ``kafka``: Apache Kafka."""
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    kafka_sasl_username: str | None = None
    kafka_sasl_password: SecretStr | None = None
    kafka_ssl_root_certificate: Path | None = None
    kafka_session_seconds: float = Field(default=6.0, ge=2)
    """A consumer that is silent for so long has left its group. 6 s is the least that Apache Kafka accepts unless told
    otherwise; the embedded broker lets everyone who joins wait for half of it.
    """

    http_host: str = "127.0.0.1"
    http_port: int = 8000
    trusted_proxies: str = "127.0.0.1"
    """Addresses or networks of reverse proxies, separated by commas; only their ``X-Forwarded-For`` is believed."""
    public_base_url: str = "http://127.0.0.1:8000"
    """Where people reach the console; links in mails start with it. Must be https in production."""

    profiles_url: str = "http://127.0.0.1:8001"
    matching_url: str = "http://127.0.0.1:8002"
    mobility_url: str = "http://127.0.0.1:8003"
    notifier_url: str = "http://127.0.0.1:8004"
    console_url: str = "http://127.0.0.1:8000"

    signing_key_file: Path | None = None
    """Private Ed25519 JWK of this service (mode 0600)."""
    trusted_keys_file: Path | None = None
    """JWKS with the public keys of all services; re-read when it changes, so keys rotate with overlap."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["json", "text"] = "json"
    relay_batch: int = 1000
    """Journal rows sent to Kafka per round of the relay."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, _CommonEnvironment(settings_cls)
