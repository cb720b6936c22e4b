"""The alert rules use metrics that exist, and say what to do."""

import re

import yaml
from prometheus_client import REGISTRY

import shared.observability  # noqa: F401  (registers the metrics)
from tests.conftest import REPOSITORY

RULES = yaml.safe_load((REPOSITORY / "deploy" / "alerts.yaml").read_text())["groups"][0]["rules"]


def known_metrics() -> set[str]:
    names = {metric.name for metric in REGISTRY.collect()}
    return names | {f"{name}_bucket" for name in names} | {f"{name}_total" for name in names} | {"up"}


def test_every_alert_looks_at_a_metric_that_exists() -> None:
    for rule in RULES:
        used = set(re.findall(r"\bintercluster_\w+|\bup\b", rule["expr"]))
        assert used, rule["alert"]
        assert used <= known_metrics(), rule["alert"]


def test_every_alert_says_what_to_do() -> None:
    assert all(rule["annotations"]["action"] and rule["labels"]["severity"] in ("page", "ticket") for rule in RULES)
