"""What must hold on every machine, new and upgraded: write here what the role promises.

`host` is Testinfra's: https://testinfra.readthedocs.io
"""


def test_no_unit_has_failed(host):
    failed = host.check_output("systemctl list-units --state=failed --plain --no-legend")
    assert not failed, failed


# def test_the_service_runs_and_starts_with_the_machine(host):
#     service = host.service("nginx")
#     assert service.is_running
#     assert service.is_enabled
