"""Jobs that cron, anacron and at run."""

from __future__ import annotations

import os
import re

from tdi.collector.configuration import significant
from tdi.collector.redaction import redact, variable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tdi.collector.machine import Machine
    from tdi.collector.scope import Scope


def cron(machine: Machine, scope: Scope) -> None:
    """System and user crontabs line by line, the scripts of the cron directories, and at jobs."""
    tables = [("/etc/crontab", "")]
    tables += [("/etc/cron.d/" + name, "") for name in machine.names("/etc/cron.d") if name != ".placeholder"]
    spool = "/var/spool/cron/crontabs"
    tables += [(spool + "/" + name, name) for name in machine.names(spool)]
    for path, user in tables:
        for line in significant(machine.text(path, 1 << 20)):
            attributes: dict[str, Any] = {"file": path}
            if not user and path.startswith("/etc/cron.d/") and not re.fullmatch(r"[\w-]+", os.path.basename(path)):
                attributes["ignored"] = "cron skips files with such a name"
            job = re.match(r"(@\w+|(?:\S+\s+){4}\S+)\s+(.*)", line)
            assigned = re.match(r"([A-Za-z_]\w*)\s*=\s*(.*)", line)
            if assigned or not job:
                shown = "%s=%s" % (assigned[1], variable(assigned[1], assigned[2])) if assigned else redact(line)
                scope.objects["%s: %s" % (path, shown)] = attributes
                continue
            schedule, command = " ".join(job.group(1).split()), job.group(2)
            owner = user
            if not owner:
                # Blanks or tabs part the user from the command, as they part the columns before.
                owner, command = [*command.split(None, 1), ""][:2]
            attributes.update(schedule=schedule, user=owner, command=redact(command.strip()))
            key = "%s: %s %s %s" % (path, schedule, owner, redact(command.strip()))
            if key in scope.objects:
                # A line that stands there twice is run twice.
                attributes["times"] = scope.objects[key].get("times", 1) + 1
            scope.objects[key] = attributes
    for period in ("hourly", "daily", "weekly", "monthly", "yearly"):
        directory = "/etc/cron." + period
        for name in machine.names(directory):
            if name == ".placeholder":
                continue
            path = directory + "/" + name
            runs = os.access(machine.prefix + path, os.X_OK) and re.fullmatch(r"[\w-]+", name) is not None
            scope.objects["script:" + path] = {"period": period, "runs": runs}
    for line in significant(machine.text("/etc/anacrontab", 1 << 20)):
        job = re.match(r"(@\w+|\d+)\s+(\d+)\s+(\S+)\s+(.*)", line)
        if job:
            schedule, command = "%s days, %s minutes later" % job.group(1, 2), redact(job.group(4).strip())
            attributes = {"file": "/etc/anacrontab", "schedule": schedule, "user": "root", "command": command}
            scope.objects["/etc/anacrontab: %s %s" % (job.group(3), command)] = attributes
        else:
            assigned = re.match(r"([A-Za-z_]\w*)\s*=\s*(.*)", line)
            shown = "%s=%s" % (assigned[1], variable(assigned[1], assigned[2])) if assigned else redact(line)
            scope.objects["/etc/anacrontab: " + shown] = {"file": "/etc/anacrontab"}
    for name in machine.names("/var/spool/cron/atjobs"):
        if not name.startswith("."):
            scope.objects["at:" + name] = {"file": "/var/spool/cron/atjobs/" + name}
