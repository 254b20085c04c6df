"""When a schedule is due: cron expressions and recurrences, to the minute, in a time zone.

Source: "Schedule machine learning pipeline jobs" and TriggerBase (machineLearningServices
2023-04-01). Time zones have Windows' names; their places are those of CLDR's windowsZones.
"""

from __future__ import annotations

import datetime
import re
from zoneinfo import ZoneInfo

from ..routing import AzureError, Json

ZONES = {
    "UTC": "Etc/UTC",
    "GMT Standard Time": "Europe/London",
    "W. Europe Standard Time": "Europe/Berlin",
    "Romance Standard Time": "Europe/Paris",
    "Central European Standard Time": "Europe/Warsaw",
    "Pacific Standard Time": "America/Los_Angeles",
    "Mountain Standard Time": "America/Denver",
    "Central Standard Time": "America/Chicago",
    "Eastern Standard Time": "America/New_York",
    "India Standard Time": "Asia/Kolkata",
    "China Standard Time": "Asia/Shanghai",
    "Tokyo Standard Time": "Asia/Tokyo",
}
#: The fields of a cron expression: minutes, hours, days of the month, months, days of the week.
_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_STEPS = {"minute": 60, "hour": 3600, "day": 86400, "week": 7 * 86400}


def check(trigger: Json) -> None:
    """AzureError 400 for a trigger that the service refuses, 501 for a zone that is not played."""
    zone(trigger)
    for key in ("startTime", "endTime"):
        _moment(trigger, key)
    kind = str(trigger.get("triggerType"))
    if kind == "Cron":
        _fields(str(trigger.get("expression") or ""))
    elif kind == "Recurrence":
        frequency = str(trigger.get("frequency")).lower()
        if frequency not in (*_STEPS, "month") or int(trigger.get("interval") or 0) < 1:
            raise AzureError(400, "UserError", "The recurrence of the trigger is invalid.")
    else:
        raise AzureError(400, "UserError", f"There is no trigger of type {kind}.")


def zone(trigger: Json) -> ZoneInfo:
    """The time zone of a trigger."""
    name = str(trigger.get("timeZone") or "UTC")
    if name not in ZONES:
        raise AzureError(501, "StandInUnhandled", f"Time zone '{name}' is not played")
    return ZoneInfo(ZONES[name])


def due(trigger: Json, moment: datetime.datetime, created: datetime.datetime) -> bool:
    """Whether a trigger fires in the minute of `moment` (with a time zone)."""
    here = moment.astimezone(zone(trigger)).replace(second=0, microsecond=0)
    start, end = _moment(trigger, "startTime"), _moment(trigger, "endTime")
    if (start and here < start.replace(second=0)) or (end and here >= end):
        return False
    if trigger["triggerType"] == "Cron":
        # Days of the month and months are taken and ignored (documented, marked as important).
        minute, hour, _, _, weekday = _fields(str(trigger["expression"]))
        fits = here.isoweekday() % 7 in weekday
        return here.minute in minute and here.hour in hour and fits
    return _recurs(trigger, here, (start or created.astimezone(zone(trigger))))


def _recurs(trigger: Json, here: datetime.datetime, start: datetime.datetime) -> bool:
    frequency, interval = str(trigger["frequency"]).lower(), int(trigger["interval"])
    start, pattern = start.replace(second=0, microsecond=0), trigger.get("schedule") or {}
    if here < start:
        return False
    if not pattern:
        if frequency == "month":
            months = (here.year - start.year) * 12 + here.month - start.month
            same = (here.day, here.hour, here.minute) == (start.day, start.hour, start.minute)
            return same and months % interval == 0
        elapsed = int((here - start).total_seconds())
        return elapsed % (_STEPS[frequency] * interval) == 0
    days = [str(one).lower() for one in pattern.get("weekDays") or []]
    dates = [int(one) for one in pattern.get("monthDays") or []]
    if here.minute not in pattern.get("minutes", []) or here.hour not in pattern.get("hours", []):
        return False
    if (days and _DAYS[here.weekday()] not in days) or (dates and here.day not in dates):
        return False
    if frequency == "month":
        return ((here.year - start.year) * 12 + here.month - start.month) % interval == 0
    if frequency == "week":
        weeks = (_monday(here) - _monday(start)).days // 7
        return weeks % interval == 0
    return frequency != "day" or (here.date() - start.date()).days % interval == 0


def _monday(moment: datetime.datetime) -> datetime.date:
    return moment.date() - datetime.timedelta(days=moment.weekday())


def _moment(trigger: Json, key: str) -> datetime.datetime | None:
    """A moment of a trigger, in its zone where it names none. AzureError 400."""
    text = trigger.get(key)
    if not text:
        return None
    try:
        found = datetime.datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError:
        raise AzureError(400, "UserError", f"{key} '{text}' is no moment.") from None
    return found if found.tzinfo else found.replace(tzinfo=zone(trigger))


def _fields(expression: str) -> list[set[int]]:
    """The values that each field of a cron expression allows. AzureError 400."""
    parts = expression.split()
    wrong = AzureError(400, "UserError", f"The cron expression '{expression}' is invalid.")
    if len(parts) != len(_RANGES):
        raise wrong
    made = []
    parts[-1] = re.sub(r"[A-Za-z]{3,}", _number, parts[-1])
    for part, (low, high) in zip(parts, _RANGES, strict=True):
        allowed: set[int] = set()
        for piece in part.split(","):
            found = re.fullmatch(r"(\*|\d+)(?:-(\d+))?(?:/(\d+))?", piece)
            if found is None or found[3] == "0":
                raise wrong
            first = low if found[1] == "*" else int(found[1])
            last = int(found[2]) if found[2] else high if found[1] == "*" or found[3] else first
            if not low <= first <= last <= high:
                raise wrong
            allowed.update(range(first, last + 1, int(found[3] or 1)))
        made.append(allowed)
    return made


def _number(name: re.Match[str]) -> str:
    """The number of a day of the week by its name, which may be cut short; Sunday is 0."""
    found = [place for place, day in enumerate(_DAYS, 1) if day.startswith(name[0].lower())]
    return str(found[0] % 7) if found else name[0]
