"""``forewarn-agent enroll|doctor|run|check|sensors|spool``.

Exit status: 0 all is well; 1 it could not be done; 2 the configuration or the command line is wrong.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import device_agent
from device_agent.bridge.arguments import add_bridge
from device_agent.config import load_settings, read_password
from device_agent.errors import AgentError, ConfigError
from device_agent.settings import AgentSettings

if TYPE_CHECKING:
    from device_agent.bridge.bridges import Bridges
    from device_agent.commands import Offer

_DEFAULT_CONFIG: Final = Path("/etc/forewarn-agent/agent.toml")
# A rate needs two readings; this lies between them.
_SETTLE_S: Final = 0.5


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; gives the exit status."""
    arguments = _parser().parse_args(argv)
    try:
        status = int(arguments.act(arguments))
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read it has seen enough (`| head`); what is left must not fail at exit, either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except ConfigError as error:
        for mistake in error.mistakes:
            print(f"{arguments.config}: {mistake}", file=sys.stderr)
        return 2
    except AgentError as error:
        print(f"forewarn-agent: {error}", file=sys.stderr)
        return 1
    else:
        return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="forewarn-agent",
        description="Reads this machine's sensors and sends them to a Forewarn server over MQTT.",
    )
    parser.add_argument(
        "--version", action="version", version=f"%(prog)s {device_agent.__version__}"
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    config = argparse.ArgumentParser(add_help=False)
    config.add_argument(
        "--config",
        type=Path,
        default=_DEFAULT_CONFIG,
        metavar="FILE",
        help="configuration in TOML (default: %(default)s)",
    )
    run = commands.add_parser(
        "run", parents=[config], help="read, spool and send until stopped (SIGTERM, Ctrl-C)"
    )
    run.set_defaults(act=_run)
    check = commands.add_parser(
        "check",
        parents=[config],
        help="say whether a configuration is sound, and what is wrong where",
    )
    check.add_argument(
        "--print-defaults",
        action="store_true",
        help="print a commented configuration with every setting and its default, and do nothing else",
    )
    check.set_defaults(act=_check)
    sensors = commands.add_parser(
        "sensors", parents=[config], help="list what this machine offers, with a live value"
    )
    sensors.set_defaults(act=_sensors)
    spool = commands.add_parser(
        "spool", parents=[config], help="show how many messages wait for the broker, and since when"
    )
    spool.set_defaults(act=_spool)
    doctor = commands.add_parser(
        "doctor", parents=[config], help="say whether the broker is reached, and what to do if not"
    )
    doctor.set_defaults(act=_doctor)
    _add_enroll(commands.add_parser(
        "enroll", parents=[config], help="exchange a token for this device's credentials"
    ))  # fmt: skip
    add_bridge(commands.add_parser(
        "bridge", help="microcontrollers on serial lines: ports, what is spoken, new firmware"
    ), config, _flash)  # fmt: skip
    return parser


def _add_enroll(enroll: argparse.ArgumentParser) -> None:
    enroll.add_argument("--server", required=True, metavar="URL", help="https://… of the server")
    enroll.add_argument(
        "--token",
        metavar="T",
        help="made by `forewarn device add --enroll`; without it, a code is shown to enter there",
    )
    enroll.add_argument("--ca-file", default="", metavar="FILE", help="who signed its certificate")
    enroll.add_argument("--spool", default="", metavar="DIR", help="where readings wait")
    enroll.add_argument("--force", action="store_true", help="replace a configuration")
    enroll.add_argument(
        "--wait-s", type=float, default=900.0, metavar="S", help="for the code to be entered"
    )
    enroll.set_defaults(act=_enroll)


def _run(arguments: argparse.Namespace) -> int:
    import signal  # noqa: PLC0415 - what only `run` needs is loaded only then
    from base64 import urlsafe_b64encode  # noqa: PLC0415
    from random import SystemRandom  # noqa: PLC0415

    from device_agent import log  # noqa: PLC0415
    from device_agent.agent import Agent  # noqa: PLC0415
    from device_agent.sensors.catalogue import build_sources  # noqa: PLC0415

    settings = load_settings(arguments.config)
    log.set_up_log(settings.log.level)
    password = read_password(settings)
    bridges, offers = _bridges(settings, password)
    agent = Agent(
        settings,
        build_sources(settings.sensors, time.monotonic, time.time),
        password=password,
        # The module `secrets` would bring in OpenSSL.
        boot=urlsafe_b64encode(os.urandom(6)).decode(),
        now=time.time,
        monotonic=time.monotonic,
        rng=SystemRandom(),
        offers=offers,
        bridges=bridges,
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: agent.stop())
    return 0 if agent.run() else 1


def _bridges(settings: AgentSettings, password: str) -> "tuple[Bridges | None, list[Offer]]":
    if not settings.serial:
        return None, []
    from device_agent.bridge.bridges import Bridges, serial_port  # noqa: PLC0415 - as in _run
    from device_agent.bridge.offer import bridge_offer  # noqa: PLC0415

    bridges = Bridges(settings.serial, open_port=serial_port, now=time.time)
    offers = [bridge_offer(bridges)]
    if any(each.flash.method != "none" for each in settings.serial):
        from device_agent.bridge.flash_offer import with_updates  # noqa: PLC0415 - as in _run

        offers.append(with_updates(bridges, settings, password, serial_port))
    return bridges, offers


def _flash(arguments: argparse.Namespace) -> int:
    from device_agent.bridge.flash_command import flash  # noqa: PLC0415 - as in _run

    return flash(arguments, load_settings(arguments.config))


def _enroll(arguments: argparse.Namespace) -> int:
    from device_agent.enroll.command import enroll  # noqa: PLC0415 - as in _run

    return enroll(arguments)


def _doctor(arguments: argparse.Namespace) -> int:
    from device_agent.doctor.command import doctor  # noqa: PLC0415 - as in _run

    return doctor(arguments)


def _check(arguments: argparse.Namespace) -> int:
    if arguments.print_defaults:
        from device_agent.config_example import example_text  # noqa: PLC0415 - as in _run

        print(example_text(), end="")
        return 0
    settings = load_settings(arguments.config)
    password = read_password(settings)
    print(f"{arguments.config}: sound")
    print(f"device   {settings.device_id}")
    user = settings.broker.username or settings.device_id
    secret = "with a password" if password else "without a password"
    print(f"broker   {settings.broker.host}:{settings.broker.port} as {user}, {secret}")
    print(f"spool    {settings.spool.directory}, up to {settings.spool.quota_bytes} bytes")
    print(f"commands {', '.join(settings.commands.allow) or 'none'}")
    return 0


def _sensors(arguments: argparse.Namespace) -> int:
    from device_agent.sampler import Sampler  # noqa: PLC0415 - as in _run
    from device_agent.sensors.catalogue import build_sources  # noqa: PLC0415
    from device_agent.sensors_table import sensors_table  # noqa: PLC0415

    has_config = arguments.config != _DEFAULT_CONFIG or arguments.config.exists()
    settings = load_settings(arguments.config) if has_config else AgentSettings()
    sources = build_sources(settings.sensors, time.monotonic, time.time)
    time.sleep(_SETTLE_S)
    taken = Sampler(sources, now=time.time, monotonic=time.monotonic).take_all()
    print(sensors_table(sources, taken))
    return 0


def _spool(arguments: argparse.Namespace) -> int:
    from device_agent.spool import read_depth  # noqa: PLC0415 - as in _run

    settings = load_settings(arguments.config)
    depth, lost = read_depth(Path(settings.spool.directory))
    age_s = 0.0 if depth.oldest_s is None else max(0.0, time.time() - depth.oldest_s)
    share = depth.size_bytes / settings.spool.quota_bytes
    print(f"waiting  {depth.count} messages, {depth.size_bytes} bytes ({share:.1%} of the quota)")
    print(f"oldest   {age_s:.0f} s" if depth.count else "oldest   -")
    print(f"dropped  {lost.count} messages not yet reported")
    return 0


if __name__ == "__main__":
    sys.exit(main())
