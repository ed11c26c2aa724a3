"""What follows from what: the one table of which event makes which feature act.

A feature publishes what happened and does not know who listens; who listens stands here and nowhere
else. Each pair is undone as a whole when it fails, and acts once in effect, in the order below (`kit.dispatch`).
"""

from __future__ import annotations

from server.command.events import CommandRequested
from server.command.handlers import CommandHandlers
from server.conversation.handlers import ConversationHandlers
from server.detection.handlers import BaselineHandlers
from server.device.events import (
    DeviceAdded,
    DeviceCameOnline,
    DeviceFirmwareChanged,
    DevicePaused,
    DeviceRevoked,
    DeviceSecretRotated,
    DeviceTopicsChanged,
)
from server.device.handlers import DeviceGate, DeviceHandlers
from server.device.mosquitto import mosquitto_files
from server.incident.events import (
    IncidentClosed,
    IncidentOpened,
    IncidentRecovered,
    IncidentRelapsed,
    IncidentWorsened,
)
from server.job.events import (
    DeviceRepaired,
    JobCancelled,
    JobFinished,
    JobOpened,
    JobPlanned,
    JobStarted,
)
from server.job.handlers import JobHandlers
from server.job.labels import LabelHandlers
from server.job.rules import load_rules
from server.kit.clock import Clock
from server.kit.dispatch import Reactions, Some
from server.kit.settings import Settings
from server.ticket.events import (
    TicketAssigned,
    TicketClosed,
    TicketDelayAnnounced,
    TicketEscalated,
    TicketFeedbackGiven,
    TicketOpened,
    TicketRecovering,
    TicketReopened,
    TicketResolved,
)
from server.ticket.handlers import TicketHandlers


def reactions(
    commands: CommandHandlers, gate: DeviceGate, clock: Clock, settings: Settings
) -> Reactions:
    """The table, with the handlers that this process runs."""
    devices, baselines = DeviceHandlers(gate), BaselineHandlers()
    mosquitto = mosquitto_files(settings)
    renew = (mosquitto.renew,) if mosquitto else ()
    tickets = TicketHandlers(clock, settings)
    jobs = JobHandlers(clock, load_rules(settings.data_dir))
    conversation = ConversationHandlers(clock, settings)
    labels = LabelHandlers(clock)
    return {
        # A case begins, changes, ends.
        IncidentOpened: (tickets.open_ticket,),
        IncidentWorsened: (tickets.raise_priority, jobs.reconsider),
        IncidentRecovered: (tickets.note_recovery,),
        IncidentRelapsed: (tickets.reopen,),
        IncidentClosed: (tickets.close,),
        # Its ticket tells the owner, and calls for hands where they are needed.
        TicketOpened: (conversation.greet, jobs.open_job),
        TicketAssigned: (conversation.note_assignment,),
        TicketRecovering: (conversation.note_recovery,),
        TicketDelayAnnounced: (conversation.announce_delay,),
        TicketEscalated: (conversation.note_escalation,),
        TicketResolved: (conversation.note_resolution,),
        TicketClosed: (conversation.say_goodbye,),
        TicketReopened: (conversation.note_reopening, jobs.open_job_again),
        # A visit is planned, made, judged.
        JobOpened: (conversation.announce_visit,),
        JobPlanned: (conversation.note_visit_plan,),
        JobStarted: (conversation.note_visit_start,),
        JobFinished: (conversation.note_verdict, labels.after_visit),
        JobCancelled: (conversation.note_cancelled_visit,),
        # What the owner thinks of the case teaches the detectors, as a verdict does.
        TicketFeedbackGiven: (labels.after_thumb,),
        # What was repaired or given new firmware is judged against a new baseline.
        DeviceRepaired: (baselines.after_repair,),
        DeviceFirmwareChanged: (baselines.after_firmware_change,),
        # Commands go out at once, or when the device is back.
        CommandRequested: (commands.send_requested,),
        DeviceCameOnline: (Some(commands.send_waiting, commands.wait_for),),
        # Whose credentials no longer hold is shown out.
        DeviceRevoked: (*renew, devices.show_out),
        DeviceSecretRotated: (*renew, devices.show_out),
        DeviceTopicsChanged: (*renew, devices.show_out),
        DevicePaused: (devices.show_out,),
        # A Mosquitto that is told who may connect learns of each new device.
        **({DeviceAdded: renew} if renew else {}),
    }
