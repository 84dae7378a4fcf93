"""Capabilities and access control lists, as text."""

from tdi.collector.machine import Machine
from tdi.collector.rights import acl_text, capability_text
from tdi.collector.settings import Settings


def test_capabilities_and_acls_are_text(root):
    machine = Machine(Settings({"root": str(root)}))
    raw = bytes.fromhex("0100000200200000000000000000000000000000")
    assert capability_text(raw) == "cap_net_raw+ep"
    acl = bytes.fromhex("0200000001000600ffffffff02000400e803000004000400ffffffff10000400ffffffff20000000ffffffff")
    assert acl_text(acl, machine) == "user::rw-,user:alice:r--,group::r--,mask::r--,other::---"
