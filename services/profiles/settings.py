"""Settings of the profiles service."""

from pydantic_settings import SettingsConfigDict

from services.profiles.rules import Email, Language, Line
from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    """The common settings, and who the first operator is."""

    model_config = SettingsConfigDict(env_prefix="INTERCLUSTER_PROFILES_", extra="ignore")

    first_operator_email: Email | None = None
    """Made an operator at the first start, when there is no other; she signs in by a link to this address."""
    first_operator_name: Line = "First operator"
    first_operator_language: Language = "en"
    import_batch: int = 100
    """Rows per transaction of an import."""
