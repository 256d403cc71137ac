"""``ackd-deploy doctor``: what this machine has, what works, and what does not."""

from __future__ import annotations

import importlib.util
import platform
from dataclasses import asdict
from typing import Any

import click

from ackd_deploy import console
from ackd_deploy.cli.options import json_option
from ackd_deploy.errors import EnvironmentProblem, MissingExtra
from ackd_deploy.version import __version__


@click.command()
@json_option
def command(as_json: bool) -> None:
    """Show versions, devices, providers that load, CPU features, threads and cgroup quota."""
    facts = _facts()
    if as_json:
        console.emit_json(facts)
    else:
        _show(facts)
    if facts["problems"]:
        raise EnvironmentProblem(facts["problems"][0])


def _facts() -> dict[str, Any]:
    from ackd_deploy.runtime.cpu import cpu_info
    from ackd_deploy.runtime.engines.openvino_engine import openvino_facts
    from ackd_deploy.runtime.engines.packages import installed_versions, onnxruntime_wheels, wheel_problem
    from ackd_deploy.runtime.engines.probe import probe_providers

    wheels = onnxruntime_wheels()
    problems = [problem for problem in [wheel_problem(wheels)] if problem]
    providers: list[dict[str, Any]] = []
    if wheels:
        try:
            providers = [asdict(probe) for probe in probe_providers()]
        except MissingExtra as error:
            problems.append(error.message)
    if providers and not any(probe["loads"] for probe in providers):
        problems.append("no execution provider of ONNX Runtime loads")
    return {
        # The package may run from a checkout that was never installed.
        "versions": {**installed_versions(), "ackd-deploy": __version__, "python": platform.python_version()},
        "platform": platform.platform(),
        "onnxruntime_wheels": wheels,
        "providers": providers,
        "openvino": openvino_facts(),
        "torch_devices": _torch_devices(),
        "cpu": cpu_info().as_dict(),
        "problems": problems,
    }


def _torch_devices() -> list[str]:
    """Return the devices that ``distill --device`` takes here; none where torch is not installed."""
    if importlib.util.find_spec("torch") is None:
        return []
    import torch

    names = [f"cuda:{index} ({torch.cuda.get_device_name(index)})" for index in range(torch.cuda.device_count())]
    return ["cpu", *names]


def _show(facts: dict[str, Any]) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")

    def row(name: str, value: object) -> None:
        table.add_row(name, escape(str(value)))

    cpu = facts["cpu"]
    row("platform", facts["platform"])
    row("processor", f"{cpu['model']} ({cpu['machine']})")
    row("CPU features", " ".join(cpu["features"]) or "unknown on this system")
    row("processors", f"{cpu['cores']}; cgroup quota {cpu['quota'] or 'none'}; threads by default {cpu['effective']}")
    row("torch devices", ", ".join(facts["torch_devices"]) or "torch is not installed")
    for probe in facts["providers"]:
        row("provider", f"{probe['provider']}: {'loads' if probe['loads'] else 'does NOT load'}; {probe['detail']}")
    openvino = facts["openvino"]
    row("engine", f"OpenVINO: {'loads' if openvino['loads'] else 'does not load'}; {openvino['detail']}")
    for name, version in facts["versions"].items():
        row(name, version or "not installed")
    for problem in facts["problems"]:
        row("PROBLEM", problem)
    console.print_table(table)
