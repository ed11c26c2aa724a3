"""deploy/: what can be checked of these files without the machines that they are for.

Compose and Kubernetes files against the schemas of their formats, units by systemd itself, and all of them
against the program: every command exists, every setting is one of ours, every file mounted is written.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import compose_spec
import kubernetes_validate
import pytest
import yaml
from typer.main import get_command

from server.app.standing import cluster_settings
from server.broker.node_config import ClusterPlan, Node, write
from server.cli.program import app
from server.kit.settings import Settings

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
VERSION = "1.32"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
OURS = {f"FOREWARN_{name.upper()}" for name in Settings.model_fields}


def objects() -> list[dict[str, Any]]:
    return [
        made
        for name in yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())["resources"]
        for made in yaml.safe_load_all((KUBERNETES / name).read_text())
    ]


def containers() -> list[dict[str, Any]]:
    pods = [o["spec"]["template"]["spec"] for o in objects() if "template" in o.get("spec", {})]
    return [container for pod in pods for container in pod["containers"]]


def settings_in(text: str) -> set[str]:
    return set(re.findall(r"FOREWARN_[A-Z_]+", text))


def is_command(words: list[str]) -> bool:
    command: Any = get_command(app)
    for word in words:
        command = command.commands.get(word)
        if command is None:
            return False
    return True


def test_compose_file_is_one() -> None:
    text = (DEPLOY / "compose.yaml").read_text()
    compose = compose_spec.PyOptions(apply_merge=True).from_yaml(text)
    compose.validate()
    services = yaml.safe_load(text)["services"]
    assert set(services) == set(compose.service_names())
    for name, service in services.items():
        assert set(service.get("depends_on", {})) <= set(services), name
        volumes = {volume.split(":")[0] for volume in service.get("volumes", [])}
        assert volumes <= set(yaml.safe_load(text)["volumes"]), name
        if service["image"].startswith("forewarn"):
            command = service["command"]
            words = command.split() if isinstance(command, str) else command
            assert is_command(words[:2]), words


def test_a_broken_compose_file_would_be_noticed() -> None:
    text = (DEPLOY / "compose.yaml").read_text()
    with pytest.raises(ValueError, match="restrat"):
        compose_spec.PyOptions(apply_merge=True).from_yaml(text.replace("restart:", "restrat:", 1))


@pytest.mark.parametrize("made", objects(), ids=lambda o: f"{o['kind']} {o['metadata']['name']}")
def test_kubernetes_objects_are_of_their_kind(made: dict[str, Any]) -> None:
    kubernetes_validate.validate(made, VERSION, strict=True)


def test_kubernetes_objects_fit_together() -> None:
    pods = [o["spec"]["template"] for o in objects() if "template" in o.get("spec", {})]
    labels = [pod["metadata"]["labels"] for pod in pods]
    for made in objects():
        if made["kind"] in {"Service", "PodDisruptionBudget"}:
            chosen = made["spec"]["selector"]
            assert chosen.get("matchLabels", chosen) in labels, made["metadata"]
    for pod in pods:
        volumes = {v["name"] for v in pod["spec"].get("volumes", [])}
        claims = {
            claim["metadata"]["name"]
            for o in objects()
            if o["spec"].get("template") == pod
            for claim in o["spec"].get("volumeClaimTemplates", [])
        }
        for container in pod["spec"]["containers"]:
            assert {m["name"] for m in container["volumeMounts"]} <= volumes | claims
            if container["image"] == "forewarn":
                assert is_command(container["args"])


def test_every_setting_is_ours_and_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [f for f in DEPLOY.rglob("*") if f.is_file()]
    used = {name for file in files for name in settings_in(file.read_text())}
    assert used - OURS == set()
    lines = (KUBERNETES / "forewarn.env").read_text().splitlines()
    for name, value in (line.split("=", 1) for line in lines):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("FOREWARN_DATABASE_URL", "postgresql://somebody@somewhere/forewarn")
    assert len(cluster_settings(Settings()).urls) == 3


def test_the_nodes_files_are_those_that_setup_writes(tmp_path: Path) -> None:
    nodes = tuple(Node.parse(f"nats-{n}", n) for n in (1, 2, 3))
    written = {f.name for f in write(ClusterPlan(nodes, 16, 3, "0.0.0.0", "/data", 1), tmp_path)}
    named = set(re.findall(r"forewarn-\d\.conf", (DEPLOY / "compose.yaml").read_text()))
    assert named == written
    # Kubernetes counts pods from 0 and computes the name.
    (command,) = [c["command"] for c in containers() if c["name"] == "nats"]
    script = command[2].replace("exec nats-server -c", "echo").replace("/config/", "")
    made = {
        subprocess.run(
            ["bash", "-c", script], env={"HOSTNAME": f"nats-{n}"}, capture_output=True, text=True,
            check=True,
        ).stdout.strip()
        for n in range(3)
    }  # fmt: skip
    assert made == written


@pytest.mark.needs("systemd")
@pytest.mark.parametrize("unit", UNITS, ids=lambda u: u.name)
def test_units_are_accepted_by_systemd(unit: Path, tmp_path: Path) -> None:
    """Their programs are elsewhere on this machine; everything else is as it will be."""
    text = re.sub(
        r"^ExecStart=\S+", f"ExecStart={shutil.which('true')}", unit.read_text(), flags=re.MULTILINE
    )
    copy = tmp_path / unit.name
    copy.write_text(text)
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(copy)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, checked.stderr) == (0, ""), checked.stderr
    (command,) = re.findall(
        r"^ExecStart=\S+/forewarn (.*)$", unit.read_text(), flags=re.MULTILINE
    ) or [""]
    assert not command or is_command(command.split())
