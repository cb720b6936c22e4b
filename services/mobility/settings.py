"""Settings of the mobility service: ``INTERCLUSTER_MOBILITY_<NAME>``."""

import hashlib

from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    """What only mobility needs."""

    model_config = SettingsConfigDict(env_prefix="INTERCLUSTER_MOBILITY_", extra="ignore")

    voucher_code_key: SecretStr | None = None
    """Key of the HMAC under which voucher codes are stored; keep it as long as vouchers live.

    Also as ``INTERCLUSTER_MOBILITY_VOUCHER_CODE_KEY_FILE``. Without it, it is derived from the service's signing key.
    """

    def code_key(self) -> bytes:
        """Return the key of voucher codes; raises ``ValueError`` if there is nothing to take it from."""
        if self.voucher_code_key:
            return self.voucher_code_key.get_secret_value().encode()
        if self.signing_key_file:
            return hashlib.sha256(b"intercluster voucher codes" + self.signing_key_file.read_bytes()).digest()
        raise ValueError("set INTERCLUSTER_MOBILITY_VOUCHER_CODE_KEY (or _FILE)")
