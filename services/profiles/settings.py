"""Settings of the profiles service."""

from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    """The common settings, and who the first operator is."""

    model_config = SettingsConfigDict(env_prefix="INTERCLUSTER_PROFILES_", extra="ignore")

    first_operator_email: str | None = None
    """Made an operator at the first start, when there is no other; she signs in by a link to this address."""
    first_operator_name: str = "First operator"
    first_operator_language: str = "en"
    import_batch: int = 100
    """Rows per transaction of an import."""
