"""The hosts file, to which a container's engine writes."""

from tdi.collector.files.hosts import added_hosts


def test_of_a_hosts_file_that_an_engine_wrote_only_what_was_added_counts():
    engine = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nff02::1 ip6-allnodes\n172.17.0.3\tweb1\n"
    own = (["172.17.0.3"], "web1")
    assert added_hosts(engine, *own) == "127.0.0.1 localhost\n"
    added = "192.0.2.9   old.example.org # gone\n172.17.0.3 shop.example.org\n"
    assert added_hosts(engine + added, *own) == (
        "127.0.0.1 localhost\n192.0.2.9 old.example.org\n172.17.0.3 shop.example.org\n"
    )
