"""Settings of the notifier: the mail server, the sender, and the rules of the suggestions' digest."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    """Read from ``INTERCLUSTER_NOTIFIER_<NAME>``, secrets also from the file in ``…_FILE``."""

    model_config = SettingsConfigDict(env_prefix="INTERCLUSTER_NOTIFIER_", extra="ignore")

    database_pool_size: int = 12
    """Each mail on its way holds two connections for a moment: one keeps other workers off it, one writes the trail."""

    smtp_host: str = "127.0.0.1"
    smtp_port: int = 1025
    smtp_security: Literal["none", "starttls", "tls"] = "none"
    """``starttls`` refuses to go on without it; certificates are always verified."""
    smtp_root_certificate: Path | None = None
    """Root certificate to trust in place of the system's."""
    smtp_username: str | None = None
    smtp_password: SecretStr | None = None
    smtp_timeout_seconds: float = Field(default=30.0, gt=0, le=60)

    mail_from: str = "no-reply@intercluster.example.org"
    mail_from_name: str = "Intercluster"
    dkim_selector: str | None = None
    dkim_domain: str | None = None
    dkim_key: SecretStr | None = None
    """Private key in PEM; mails are signed when selector and key are set. The domain defaults to the sender's."""

    unsubscribe_keys: SecretStr | None = None
    """Secrets separated by white space, newest first; old ones stay valid for links in old mails.
    Without them one is derived from the service's signing key."""

    suggestion_mails_per_week: int = Field(default=3, ge=0)
    """At most so many suggestion mails per person in any 7 days; other mails are not capped."""
    suggestions_per_mail: int = Field(default=6, ge=1, le=50)
    """Best first. With their links six weigh about 90 KB; some mailboxes hide what goes beyond 100 KB."""
    settle_seconds: float = Field(default=0.1, ge=0)
    settle_crowd: int = Field(default=25, ge=1)
    settle_crowd_seconds: float = Field(default=2.0, ge=0)
    settle_longest_seconds: float = Field(default=5.0, ge=0)
    """How long suggestions for one person wait for the rest of their round; see ``bundling.Settling``."""
    notice_days: int = Field(default=3, ge=0)
    """Days between the notice and the first suggestion in countries that ask for a notice."""
    late_days: int = Field(default=30, ge=0)
    """An occasion older than this is not mailed any more to people who turn up later."""
    answer_link_days: int = Field(default=30, ge=1)
