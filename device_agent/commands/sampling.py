"""Commands about reading: now, and how often."""

from device_agent.commands.offer import Argument, ArgumentError, Fields, Offer
from device_agent.sampler import Sampler

_SHOWN_VALUES = 100
_TEXT_CHARS = 200
_PATIENCE_S = 20.0


def read_now_offer(sampler: Sampler) -> Offer:
    """Offer to read every sensor now: the values go out as telemetry and in the answer."""

    def run(_args: Fields) -> Fields:
        readings = sampler.read_all(_PATIENCE_S)
        return {
            r.name: r.value[:_TEXT_CHARS] if isinstance(r.value, str) else r.value
            for r in readings[:_SHOWN_VALUES]
        }

    return Offer("read_now", (), run)


def set_sampling_offer(sampler: Sampler) -> Offer:
    """Offer to change how often sensors are read, until the agent restarts."""

    def run(args: Fields) -> Fields:
        period_s = float(args["period_s"] or 0)
        changed = sampler.set_period(str(args.get("source", "")), period_s)
        if not changed:
            raise ArgumentError("there is no such source")
        return {"period_s": period_s, "sources": " ".join(changed)[:2000]}

    return Offer(
        "set_sampling",
        (
            Argument("period_s", "number", is_required=True, low=0.1, high=86_400.0),
            Argument("source", "text", high=128),
        ),
        run,
    )
