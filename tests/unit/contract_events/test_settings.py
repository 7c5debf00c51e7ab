"""What the service is told from outside."""

from pathlib import Path

import pytest

from services.contract_events.app import build, hook_settings
from services.contract_events.settings import Settings

TOLD = {
    "KAFKA": "127.0.0.1:1",
    "POSTGRES": "postgresql://nobody@127.0.0.1:1/none",
    "REGISTRY": "http://127.0.0.1:1",
    "OPS_PORT": "1",
}


@pytest.fixture(autouse=True)
def _told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in TOLD.items():
        monkeypatch.setenv(f"THROUGHLINE_{name}", value)


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THROUGHLINE_APPROVE_SOW", "legal, delivery")
    monkeypatch.setenv("THROUGHLINE_APPROVE_MSA", "")
    monkeypatch.setenv("THROUGHLINE_DOCUSIGN_KEYS", "key-one,key-two")
    settings = Settings()
    assert (settings.approve_sow, settings.approve_msa, settings.approve_change_order) == (("legal", "delivery"), (), ("finance",))
    assert hook_settings(settings).docusign_keys == ("key-one", "key-two")
    assert "key-one" not in repr(settings) + repr(hook_settings(settings))


def test_the_door_s_token_is_drawn_once_and_kept_for_its_owner(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("THROUGHLINE_HOME", str(tmp_path))
    token = Settings().token()
    kept = tmp_path / "run" / "secrets" / "door_token"
    assert (Settings().token(), kept.read_text(), kept.stat().st_mode & 0o777) == (token, token, 0o600)
    monkeypatch.setenv("THROUGHLINE_DOOR_TOKEN", "given")
    assert Settings().token() == "given"


def test_a_door_without_a_token_does_not_open() -> None:
    with pytest.raises(ValueError, match="THROUGHLINE_DOOR_TOKEN"):
        Settings().token()


def test_a_door_with_an_empty_token_does_not_open(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("THROUGHLINE_DOOR_TOKEN", " ")
    with pytest.raises(ValueError, match="THROUGHLINE_DOOR_TOKEN"):
        Settings().token()
    monkeypatch.setenv("THROUGHLINE_HOME", str(tmp_path))
    (tmp_path / "run" / "secrets").mkdir(parents=True)
    (tmp_path / "run" / "secrets" / "door_token").write_text("\n")
    with pytest.raises(ValueError, match="THROUGHLINE_DOOR_TOKEN"):
        Settings().token()


def test_the_service_reads_one_topic_and_keeps_a_door() -> None:
    service = build(Settings())
    assert [route.topic for route in service.routes] == ["source.clm.contract.v1"]
    assert [companion.__name__ for companion in service.companions] == ["door"]
