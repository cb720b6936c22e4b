"""Settings of the console, prefix ``INTERCLUSTER_CONSOLE_``."""

from datetime import timedelta

from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    """What only the console needs; see SECURITY.md."""

    model_config = SettingsConfigDict(env_prefix="INTERCLUSTER_CONSOLE_", extra="ignore")

    session_hours: int = 12
    """A session ends this long after the sign-in, whatever happens in between."""
    sign_in_minutes: int = 15
    """A sign-in link works this long, and once."""
    sign_ins_per_address: int = 10
    """Links that may be asked for one e-mail address within :attr:`sign_in_window_minutes`."""
    sign_ins_per_client: int = 120
    """Links that may be asked from one IP address (IPv6: /64) within the window; an office shares one address."""
    sign_in_window_minutes: int = 15
    card_seconds: float = 60.0
    """How long a contact card (and with it the roles in a token) is believed."""
    live_seconds: float = 2.0
    """How often the operator's live page looks at the services."""

    @property
    def secure(self) -> bool:
        """Whether people reach the console by https, so that its cookie must never travel in clear."""
        return self.public_base_url.startswith("https://")

    @property
    def session_lifetime(self) -> timedelta:
        return timedelta(hours=self.session_hours)

    @property
    def sign_in_lifetime(self) -> timedelta:
        return timedelta(minutes=self.sign_in_minutes)

    @property
    def sign_in_window(self) -> timedelta:
        return timedelta(minutes=self.sign_in_window_minutes)
