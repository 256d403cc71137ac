"""Write serving/monitoring/grafana.json: a dashboard is long, and its panels differ in a few words only."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parent.parent / "serving" / "monitoring" / "grafana.json"
EVERY = "[$__rate_interval]"
SOURCE = {"type": "prometheus", "uid": "${source}"}


def quantiles(metric: str, labels: str = "") -> list[tuple[str, str]]:
    return [
        (f"histogram_quantile({q}, sum by (le) (rate({metric}_bucket{labels}[$__rate_interval])))", f"p{q * 100:.0f}")
        for q in (0.5, 0.9, 0.99)
    ]


def rate(metric: str, by: str, labels: str = "") -> list[tuple[str, str]]:
    return [(f"sum by ({by}) (rate({metric}{labels}[$__rate_interval]))", "{{" + by + "}}")]


PANELS: list[tuple[str, str, list[tuple[str, str]]]] = [
    ("Requests a second, by status", "reqps", rate("ackd_requests_total", "status", '{route=~"classify|v2_infer"}')),
    ("Latency of /classify", "s", quantiles("ackd_request_seconds", '{route="classify"}')),
    ("Texts a second, by label", "ops", rate("ackd_predictions_total", "label")),
    ("Texts a second, by decision", "ops", rate("ackd_decisions_total", "outcome")),
    ("Waiting for the model", "s", quantiles("ackd_queue_seconds")),
    ("Texts waiting", "short", [("sum(ackd_queue_rows)", "rows")]),
    ("One run of the model", "s", quantiles("ackd_batch_seconds")),
    (
        "Texts in a run",
        "short",
        [
            (
                "sum(rate(ackd_batch_rows_sum[$__rate_interval])) / sum(rate(ackd_batch_rows_count[$__rate_interval]))",
                "mean",
            )
        ],
    ),
    (
        "Padding",
        "percentunit",
        [
            (
                f"1 - sum(rate(ackd_tokens_total{EVERY})) / sum(rate(ackd_padded_tokens_total{EVERY}))",
                "share",
            )
        ],
    ),
    (
        "Texts cut off",
        "percentunit",
        [
            (
                f"sum(rate(ackd_truncated_texts_total{EVERY})) / sum(rate(ackd_predictions_total{EVERY}))",
                "share",
            )
        ],
    ),
    ("Refused, by reason", "reqps", rate("ackd_rejected_total", "code")),
    ("Ready workers", "short", [("sum(ackd_ready_workers)", "workers")]),
    (
        "What is served",
        "short",
        [("max by (model, variant, version, runtime) (ackd_build_info)", "{{model}} {{variant}} {{version}}")],
    ),
]


def panel(index: int, title: str, unit: str, queries: list[tuple[str, str]]) -> dict[str, Any]:
    targets = [
        {"datasource": SOURCE, "expr": expression, "legendFormat": legend, "refId": chr(ord("A") + number)}
        for number, (expression, legend) in enumerate(queries)
    ]
    return {
        "id": index + 1,
        "title": title,
        "type": "timeseries",
        "datasource": SOURCE,
        "gridPos": {"h": 8, "w": 8, "x": 8 * (index % 3), "y": 8 * (index // 3)},
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
        "targets": targets,
    }


def main() -> None:
    dashboard = {
        "title": "ackd-deploy",
        "uid": "ackd-deploy",
        "tags": ["ackd-deploy"],
        "timezone": "browser",
        "schemaVersion": 39,
        "version": 1,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {
            "list": [{"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"}]
        },
        "panels": [panel(index, *entry) for index, entry in enumerate(PANELS)],
    }
    FILE.write_text(json.dumps(dashboard, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(f"{FILE}: {len(PANELS)} panels\n")


if __name__ == "__main__":
    main()
