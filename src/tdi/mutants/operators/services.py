"""Operators on services: whether they run, now and after a boot, and with which configuration."""

from tdi.mutants.operators.operator import FRESH, UPGRADE, Operator, opposite, other_word, without_argument
from tdi.mutants.reading.tasks import SERVICES
from tdi.mutants.results import Oracle
from tdi.mutants.source import Part

SERVICE_OPERATORS = (
    Operator(
        "flip-enabled",
        "A service does not come up after a boot, or one does that should not.",
        "- service:\n    name: cron\n    enabled: true\n",
        "- service:\n    name: cron\n    enabled: false\n",
        (*FRESH, Oracle.PLAN),
        opposite("enabled"),
    ),
    Operator(
        "flip-masked",
        "A service can be started by anything again, or by nothing any more.",
        "- systemd:\n    name: cron\n    masked: True\n",
        "- systemd:\n    name: cron\n    masked: False\n",
        (*FRESH, Oracle.PLAN),
        opposite("masked"),
    ),
    Operator(
        "started-to-stopped",
        "A service does not run when the role is done.",
        "- service: name=cron state=started\n",
        "- service: name=cron state=stopped\n",
        (*FRESH, *UPGRADE),
        other_word("state", "started", "stopped", modules=SERVICES),
    ),
    Operator(
        "started-to-restarted",
        "Every run of the role cuts connections.",
        "- service:\n    name: cron\n    state: started\n",
        "- service:\n    name: cron\n    state: restarted\n",
        (Oracle.SECOND_RUN, Oracle.LOAD),
        other_word("state", "started", "restarted", modules=SERVICES),
    ),
    Operator(
        "reload-to-restart",
        "Requests are lost where a reload would do.",
        "- name: Reload\n  service:\n    name: cron\n    state: reloaded\n",
        "- name: Reload\n  service:\n    name: cron\n    state: restarted\n",
        (Oracle.LOAD,),
        other_word("state", "reloaded", "restarted", modules=SERVICES),
        Part.HANDLERS,
    ),
    Operator(
        "restart-to-reload",
        "A service runs on with what it reads at its start only.",
        '- name: Restart\n  service:\n    name: cron\n    state: "restarted"\n',
        '- name: Restart\n  service:\n    name: cron\n    state: "reloaded"\n',
        (Oracle.INVARIANTS, *UPGRADE, Oracle.SAME_STATE),
        other_word("state", "restarted", "reloaded", modules=SERVICES),
        Part.HANDLERS,
    ),
    Operator(
        "drop-service-state",
        "Nobody starts the service where its package does not.",
        "- service:\n    name: cron\n    state: started\n    enabled: true\n",
        "- service:\n    name: cron\n    enabled: true\n",
        (*FRESH, Oracle.INVARIANTS),
        without_argument("state", modules=SERVICES),
    ),
    Operator(
        "drop-daemon-reload",
        "systemd goes on with the unit as it was before it was changed.",
        "- systemd:\n    name: cron\n    daemon_reload: true\n",
        "- systemd:\n    name: cron\n",
        (Oracle.INVARIANTS, *UPGRADE),
        without_argument("daemon_reload"),
    ),
)
