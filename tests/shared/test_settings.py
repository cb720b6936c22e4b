"""Settings: a service's own value wins over the common one, and secrets may stand in files."""

from pathlib import Path

import pytest
from pydantic_settings import SettingsConfigDict

from shared.messaging.broker import client_arguments, faststream_security
from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="INTERCLUSTER_EXAMPLE_", extra="ignore")


def test_a_services_own_value_wins_over_the_common_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTERCLUSTER_LOG_LEVEL", "WARNING")
    assert Settings().log_level == "WARNING"
    monkeypatch.setenv("INTERCLUSTER_EXAMPLE_LOG_LEVEL", "ERROR")
    assert Settings().log_level == "ERROR"
    assert ServiceSettings().log_level == "WARNING"


def test_a_secret_may_stand_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text("postgresql+asyncpg://somebody:secret@db/example\n")
    monkeypatch.setenv("INTERCLUSTER_EXAMPLE_DATABASE_URL_FILE", str(file))
    settings = Settings()
    assert settings.database_url.get_secret_value() == "postgresql+asyncpg://somebody:secret@db/example"
    assert "secret" not in repr(settings)


def test_sasl_and_tls_reach_both_kafka_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTERCLUSTER_KAFKA_SECURITY_PROTOCOL", "SASL_SSL")
    monkeypatch.setenv("INTERCLUSTER_KAFKA_SASL_USERNAME", "matching")
    monkeypatch.setenv("INTERCLUSTER_KAFKA_SASL_PASSWORD", "a secret")
    settings = Settings()
    arguments = client_arguments(settings)
    assert arguments["sasl_mechanism"] == "SCRAM-SHA-512"
    assert arguments["sasl_plain_username"] == "matching"
    assert arguments["ssl_context"].check_hostname
    security = faststream_security(settings)
    assert security is not None
    assert security.use_ssl
    assert type(security).__name__ == "SASLScram512"
