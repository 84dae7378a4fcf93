"""Unit files and what they say."""

from by_program import write

from tdi.collector.configuration import significant
from tdi.collector.machine import Machine
from tdi.collector.settings import Settings
from tdi.collector.unit_files import Units, unit_properties


def test_unit_properties_follow_the_rules_of_systemd():
    lines = significant(
        '[Service]\n# c\nExecStart=/a \\\n  b\nExecStart=\nExecStart=/c --token=x\nUser=u\nEnvironment=A=1 "B=2 3"\n'
    )
    assert unit_properties(lines) == {
        "ExecStart": ["/c --token=[redacted]"],
        "User": "u",
        "Environment": ["A", "B"],
    }


def test_units_are_found_with_their_drop_ins(root):
    write(root, "/usr/lib/systemd/system/a-b@.service", "[Service]\n")
    write(root, "/etc/systemd/system/a-b@x.service.d/20.conf", "[Service]\n")
    write(root, "/etc/systemd/system/a-b@.service.d/10.conf", "[Service]\n")
    write(root, "/usr/lib/systemd/system/a-.service.d/30.conf", "[Service]\n")
    write(root, "/usr/lib/systemd/system/service.d/10.conf", "[Service]\n")
    units = Units(Machine(Settings({"root": str(root)})))
    assert units.fragment("a-b@x.service") == "/usr/lib/systemd/system/a-b@.service"
    assert units.drop_ins("a-b@x.service") == [
        "/etc/systemd/system/a-b@.service.d/10.conf",
        "/etc/systemd/system/a-b@x.service.d/20.conf",
        "/usr/lib/systemd/system/a-.service.d/30.conf",
    ]


def test_instances_of_templates_are_those_that_links_start(root):
    write(root, "/etc/systemd/system/x@.service", "[Service]\n")
    (root / "etc/systemd/system/x.target.wants").mkdir()
    for name in ("x@one.service", "y.service", "x@.service"):
        (root / "etc/systemd/system/x.target.wants" / name).symlink_to("/nowhere")
    machine = Machine(Settings({"root": str(root)}))
    assert Units(machine).instances() == {"x@one.service"}
