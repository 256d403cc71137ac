"""What operators get: Kubernetes manifests, the alerts and the dashboard agree with the service."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from ackd_deploy.serving.metrics import Metrics
from ackd_deploy.serving.settings import load_settings
from tests.serving.running_service import ROOT, SERVING

K8S = SERVING / "k8s"
DOCUMENTS = [
    (path.name, document) for path in sorted(K8S.glob("*.yaml")) for document in yaml.safe_load_all(path.read_text())
]


def known_metrics() -> set[str]:
    """Every series name that the service can expose."""
    metrics = Metrics()
    metrics.request("classify", 200, 0.1)
    metrics.rejected("x")
    metrics.prediction("x", True, "review")
    metrics.serving(model="m", variant="v", version="1", runtime="r", labels=["x"])
    families = text_string_to_metric_families(metrics.render().decode())
    return {sample.name for family in families for sample in family.samples}


def series(expression: str) -> set[str]:
    return set(re.findall(r"\backd_[a-z_]+", expression))


@pytest.mark.parametrize(("name", "document"), DOCUMENTS, ids=[f"{n}-{d['kind']}" for n, d in DOCUMENTS])
def test_manifests_keep_to_their_schemas(name: str, document: dict[str, Any]):
    if document["kind"] == "InferenceService":
        # Kubernetes' schemas lack KServe's kind, which test_kserve_public.py checks whole; its pod is a plain one.
        pod = {key: value for key, value in document["spec"]["predictor"].items() if key in {"containers", "volumes"}}
        document = {"apiVersion": "v1", "kind": "Pod", "metadata": document["metadata"], "spec": pod}
    validate = pytest.importorskip("kubernetes_validate", reason="pip install kubernetes-validate")
    validate.validate(document, "1.31", strict=True)


def pods() -> list[tuple[dict[str, Any], dict[str, str]]]:
    """Every pod's specification, and the labels that it will have."""
    found = []
    for _, document in DOCUMENTS:
        if document["kind"] == "Deployment":
            template = document["spec"]["template"]
            found.append((template["spec"], template["metadata"]["labels"]))
        elif document["kind"] == "InferenceService":
            # The label is KServe's own.
            labels = {"serving.kserve.io/inferenceservice": document["metadata"]["name"]}
            found.append((document["spec"]["predictor"], labels))
    return found


def containers() -> list[dict[str, Any]]:
    return [container for pod, _ in pods() for container in pod["containers"]]


def test_pods_have_no_token_a_system_call_filter_and_a_network_policy():
    policies = [d["spec"] for _, d in DOCUMENTS if d["kind"] == "NetworkPolicy"]
    assert len(pods()) == 2
    for pod, labels in pods():
        assert pod["automountServiceAccountToken"] is False
        assert pod["enableServiceLinks"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        (policy,) = [p for p in policies if p["podSelector"]["matchLabels"].items() <= labels.items()]
        assert set(policy["policyTypes"]) == {"Ingress", "Egress"}
        assert policy["egress"] == []
        (rule,) = policy["ingress"]
        port = pod["containers"][0]["ports"][0]["containerPort"]
        assert port in [entry["port"] for entry in rule["ports"]]
        assert rule["from"]


def test_every_start_is_the_one_without_control_sockets():
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert 'ENTRYPOINT ["python", "-m", "ackd_deploy", "serve",' in dockerfile
    assert "bentoml" not in dockerfile.split("ENTRYPOINT")[1]
    for container in containers():
        assert not {"command", "args"} & container.keys()


def test_containers_are_confined_and_set_only_known_variables():
    assert len(containers()) == 2
    for container in containers():
        security = container["securityContext"]
        assert security["readOnlyRootFilesystem"] is True
        assert security["allowPrivilegeEscalation"] is False
        assert security["capabilities"] == {"drop": ["ALL"]}
        load_settings({entry["name"]: entry["value"] for entry in container.get("env", ())})


def test_the_pod_outlives_the_services_own_deadline():
    from ackd_deploy.deploy.launch import DRAIN_SECONDS

    (pod,) = [d["spec"]["template"]["spec"] for _, d in DOCUMENTS if d["kind"] == "Deployment"]
    before = int(pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pod["terminationGracePeriodSeconds"] > DRAIN_SECONDS + before


def test_the_autoscaler_watches_a_metric_that_exists():
    (hpa,) = [d for _, d in DOCUMENTS if d["kind"] == "HorizontalPodAutoscaler"]
    assert hpa["spec"]["metrics"][0]["pods"]["metric"]["name"] in known_metrics()
    assert hpa["spec"]["scaleTargetRef"]["name"] == "classifier"


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((SERVING / "monitoring" / "alerts.yaml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def dashboard() -> dict[str, Any]:
    content: dict[str, Any] = json.loads((SERVING / "monitoring" / "grafana.json").read_text())
    return content


def test_alerts_and_panels_name_metrics_that_exist():
    expressions = [rule["expr"] for rule in rules()]
    expressions += [target["expr"] for panel in dashboard()["panels"] for target in panel["targets"]]
    known = known_metrics()
    assert {name for expression in expressions for name in series(expression)} > {
        "ackd_requests_total",
        "ackd_ready_workers",
    }
    for expression in expressions:
        assert series(expression) <= known, expression


def test_every_expression_parses():
    promql = pytest.importorskip("promql_parser", reason="pip install promql-parser")
    for rule in rules():
        promql.parse(rule["expr"])
    for panel in dashboard()["panels"]:
        for target in panel["targets"]:
            promql.parse(target["expr"].replace("$__rate_interval", "1m"))


def test_alerts_say_what_to_do():
    alerts = [rule for rule in rules() if "alert" in rule]
    assert alerts
    for rule in alerts:
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        assert {"summary", "description"} <= rule["annotations"].keys()


def test_the_dashboard_is_what_its_script_writes(tmp_path: Path):
    import importlib.util

    spec = importlib.util.spec_from_file_location("make_dashboard", ROOT / "tools" / "make_dashboard.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.FILE = tmp_path / "grafana.json"
    module.main()
    assert json.loads(module.FILE.read_text()) == dashboard()
    places = [(p["gridPos"]["x"], p["gridPos"]["y"]) for p in dashboard()["panels"]]
    assert len(set(places)) == len(places)
