"""Keys of an installation: what a new signing key must leave alone."""

import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest
import yaml

from deploy.local.environment import for_service
from deploy.local.keys import LASTING, Keys
from deploy.local.state import Installation
from services.mobility.settings import Settings as Mobility
from services.notifier.settings import Settings as Notifier
from services.notifier.state import token_keys
from services.notifier.tokens import UnsubscribeTokens
from tests.conftest import REPOSITORY

ANNA = UUID(int=7)


def _unsubscribing() -> UnsubscribeTokens:
    return UnsubscribeTokens(token_keys(Notifier()))


def _as_launched(installation: Installation, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    for service in LASTING:
        for name, value in for_service(service, installation, keys, "", "embedded", "postgresql://x/y").items():
            if name.startswith("INTERCLUSTER_"):
                monkeypatch.setenv(name, value)


@pytest.mark.parametrize("control", [False, True], ids=["as launched", "control: derived from the signing key"])
def test_links_to_unsubscribe_and_voucher_codes_outlive_a_signing_key(
    control: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation, keys = Installation(tmp_path), Keys(tmp_path / "keys")
    installation.choose_ports()
    keys.ensure()
    _as_launched(installation, keys, monkeypatch)
    if control:
        for service, (setting, _) in LASTING.items():
            monkeypatch.delenv(f"INTERCLUSTER_{service.upper()}_{setting}")
    token, code_key = _unsubscribing().make(ANNA, "suggestions"), Mobility().code_key()
    for service in LASTING:
        keys.private(service).unlink()
    keys.ensure()
    assert (Mobility().code_key() == code_key) is not control
    if control:
        with pytest.raises(ValueError, match="not an unsubscribe link"):
            _unsubscribing().read(token)
    else:
        assert _unsubscribing().read(token).person_id == ANNA


def test_compose_gives_each_service_its_lasting_secret_and_keeps_it(tmp_path: Path) -> None:
    compose = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())["services"]
    command = [sys.executable, "-m", "deploy.keys", str(tmp_path / "keys"), str(tmp_path)]
    subprocess.run(command, check=True, cwd=REPOSITORY)
    for service, (setting, name) in LASTING.items():
        own = tmp_path / service / name
        before = own.read_text()
        assert compose[service]["environment"][f"INTERCLUSTER_{service.upper()}_{setting}"] == f"/run/own/{name}"
        assert own.stat().st_mode & 0o077 == 0
        (tmp_path / "keys" / f"{service}.jwk").unlink()
        subprocess.run(command, check=True, cwd=REPOSITORY)
        assert own.read_text() == before
    assert not (tmp_path / "console" / "unsubscribe.keys").exists()
