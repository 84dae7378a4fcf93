"""The verifier of scenarios with our driver: Molecule's for Testinfra, and after it the scenario's verify playbook.

molecule.yml calls it `testinfra`, for Molecule's schema knows no others; the driver puts it in place. The tests are
given records, the comparison and a connection that stays open (tdi.verifier.plugin).
"""

from typing import Any

from molecule.exceptions import ScenarioFailureError
from molecule.verifier.testinfra import Testinfra


class TestinfraAndPlaybook(Testinfra):
    """The verifier of the scenarios of a verdict."""

    def bake(self) -> None:
        """Make the command line of pytest."""
        super().bake()
        self._testinfra_command[1:1] = ["-p", "tdi.verifier.plugin"]

    def execute(self, action_args: list[str] | None = None) -> None:
        """Run the tests, and then the playbook where there is one. Raises ScenarioFailureError where one fails."""
        failed: ScenarioFailureError | None = None
        try:
            super().execute(action_args)
        except ScenarioFailureError as error:
            failed = error
        provisioner: Any = self._config.provisioner
        if provisioner and provisioner.playbooks.verify:
            provisioner.verify()
        if failed:
            raise failed
