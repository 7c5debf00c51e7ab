"""The alarms speak of what is measured, and send their reader to a page that exists."""

import re
from pathlib import Path

import yaml

from tests.support import lookup

ROOT = Path(__file__).resolve().parents[2]
RULES = [rule for group in yaml.safe_load((ROOT / "deploy" / "alerts" / "throughline.yaml").read_text())["groups"] for rule in group["rules"]]


def test_every_alarm_is_about_something_that_is_measured() -> None:
    measured = set(re.findall(r"`(throughline_\w+)`", lookup.metrics_page()))
    for rule in RULES:
        assert set(re.findall(r"throughline_\w+", rule["expr"])) <= measured


def test_every_alarm_says_what_it_means_and_where_to_look() -> None:
    for rule in RULES:
        assert rule["annotations"]["summary"]
        assert (ROOT / rule["annotations"]["look"]).exists()
