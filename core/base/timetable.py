"""Times by the clock: cron expressions in their time zone, and what becomes of times that were missed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from .errors import ValidationFault

GRACE = timedelta(seconds=60)
"""What comes later than this was missed, and ``catch_up`` says what comes of it."""

MOST_AT_ONCE = 100
"""Missed times that are made up for at most, with ``all``."""

LONGEST_NAP = 86_400.0
CATCH_UPS = ("none", "one", "all")


class ScheduleInvalid(ValidationFault):
    """A schedule's times can't be understood, or never come."""

    code = "schedule_invalid"


def due_times(cron: str, zone: str, after: datetime) -> Iterator[datetime]:
    """The times after ``after`` at which ``cron`` is due, in UTC.

    :raises ScheduleInvalid: if the expression or the zone can't be understood.
    """
    try:
        found = CronSim(cron, after.astimezone(ZoneInfo(zone)))
    except (CronSimError, ValueError, OSError, KeyError) as error:
        raise ScheduleInvalid(
            f"{cron!r} in the zone {zone!r} is no schedule: {error}. Write minute, hour, day, month "
            'and weekday, such as "30 2 * * mon-fri", and a zone such as Europe/Vienna.'
        ) from error
    return (moment.astimezone(UTC) for moment in found)


def next_time(cron: str, zone: str, after: datetime) -> datetime:
    """The first due time after ``after``.

    :raises ScheduleInvalid: if there is none.
    """
    found = next(due_times(cron, zone, after), None)
    if found is None:
        raise ScheduleInvalid(f"{cron!r} never comes.")
    return found


def missed_times(
    cron: str, zone: str, catch_up: str, first: datetime | None, now: datetime
) -> list[datetime]:
    """The due times from ``first`` up to ``now`` that are to be dealt with; ``catch_up`` is of ``CATCH_UPS``."""
    if first is None or first > now:
        return []
    wanted = MOST_AT_ONCE if catch_up == "all" else 1
    dues = _newest(cron, zone, first, now, wanted) or [first]
    on_time = catch_up != "none" or now - dues[-1] <= GRACE
    return dues if on_time else []


def _newest(cron: str, zone: str, first: datetime, now: datetime, count: int) -> list[datetime]:
    """The newest ``count`` due times from ``first`` to ``now``; years of missed ones cost nothing."""
    local = now.astimezone(ZoneInfo(zone))
    # Without a microsecond a time that is due right now would be left out.
    start = local.replace(microsecond=max(local.microsecond, 1))
    backwards = CronSim(cron, start, reverse=True)
    found = takewhile(lambda moment: moment >= first, (one.astimezone(UTC) for one in backwards))
    return list(islice(found, count))[::-1]


def nap_until(due: datetime, now: datetime) -> float:
    """Seconds to sleep until ``due`` is looked at again; the clock may be set meanwhile, so no long ones."""
    return min(max((due - now).total_seconds(), 0.0), LONGEST_NAP)
