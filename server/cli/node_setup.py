"""`forewarn setup nats`: what the nodes of a broker for many machines have to be told."""
# ruff: noqa: PLC0415 - imported when the command runs

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from server.cli.options import DataDir


def nats(
    node: Annotated[
        list[str],
        typer.Option(
            "--node",
            help="HOST, or HOST:MQTT:CLIENT:CLUSTER with ports other than 1883, 4222, 6222; "
            "once for each of the 3 or 5 nodes.",
        ),
    ],
    data_dir: DataDir = None,
    listen: Annotated[
        str, typer.Option("--listen", help="Address on each node that its listeners bind to.")
    ] = "0.0.0.0",  # noqa: S104 - nodes of a cluster listen for the others
    store_dir: Annotated[
        str, typer.Option("--store-dir", help="Folder on each node for the messages.")
    ] = "/var/lib/forewarn-nats",
    tls_certificate: Annotated[
        str | None,
        typer.Option("--tls-cert", help="Certificate file on each node, for devices over TLS."),
    ] = None,
    tls_key: Annotated[
        str | None, typer.Option("--tls-key", help="Its private key file on each node.")
    ] = None,
) -> None:
    """Write the configuration of a cluster of nats-server, and the keys of Forewarn's own processes.

    Into DATA_DIR/nats: forewarn-1.conf and so on, one for each node, and keys/, which every
    `forewarn serve` process needs and nobody else may see. Keys that are there stay, so the command may be
    run again to change something else. The number of partitions (FOREWARN_PARTITIONS) and of copies
    (FOREWARN_NATS_REPLICAS) is taken from the settings.
    """
    from server.broker.node_config import ClusterPlan, Node, write
    from server.device.temporary import TemporarySecrets
    from server.kit.data_directory import DataDirectory
    from server.kit.settings import load

    settings = load(data_dir=data_dir)
    nodes = tuple(Node.parse(text, number) for number, text in enumerate(node, 1))
    plan = ClusterPlan(
        nodes=nodes,
        partitions=settings.partitions,
        replicas=min(settings.nats_replicas, len(nodes)),
        listen=listen,
        store=store_dir,
        store_max_bytes=settings.stream_max_bytes,
        tls_certificate=tls_certificate,
        tls_key=tls_key,
    )
    DataDirectory(settings.data_dir).prepare()
    TemporarySecrets.of(settings.data_dir)
    folder = settings.data_dir / "nats"
    for placed, file in zip(nodes, write(plan, folder), strict=True):
        print(f"{placed.host}: nats-server -c {file}")
    urls = ",".join(f"nats://{n.host}:{n.client_port}" for n in nodes)
    print(f"every Forewarn process: FOREWARN_NATS_URL={urls} and the folder {Path(folder, 'keys')}")
