"""Molecule's driver `molecule-tdi`: machines in Docker, made and removed by the playbooks beside it.

It is molecule-plugins' docker driver with images, containers and connection of our own. As soon as Molecule chooses it,
the command runs under supervision (tdi.molecule.supervision), so that it can be run side by side and be trusted.
"""

from pathlib import Path
from typing import Any

from molecule_plugins.docker.driver import Docker

from molecule import api
from tdi import __version__, settings
from tdi.molecule import scenario, supervision
from tdi.molecule.verifier import TestinfraAndPlaybook


class Tdi(Docker):
    """The driver of the scenarios of a verdict."""

    def __init__(self, config: Any = None) -> None:
        """For the scenario of `config`; Molecule also makes one for none, to know the driver's name."""
        # Not the base's: it asks for the version of a distribution by the name of this package.
        self._config = config
        self._path = str(Path(__file__).parent)
        self.module = "tdi"
        self.version = __version__
        self._name = scenario.DRIVER

    @property
    def name(self) -> str:
        """What molecule.yml calls the driver."""
        return self._name

    @name.setter
    def name(self, value: str) -> None:
        # Molecule says the name to the driver that it chose for a scenario, before anything is done.
        self._name = value
        if self._config is not None:
            supervision.take_over()
            # For this scenario alone: what Molecule keeps is by the scenario's configuration.
            api.verifiers(self._config)["testinfra"] = TestinfraAndPlaybook(self._config)

    def login_options(self, instance_name: str) -> dict[str, str]:  # noqa: ARG002 (there is one)
        """What fills the command of `molecule login`."""
        return {"instance": self._container}

    def ansible_connection_options(self, instance_name: str) -> dict[str, str]:  # noqa: ARG002 (there is one)
        """How Ansible reaches the machine: by `docker`, which a faster strategy knows too."""
        return {"ansible_connection": "docker", "ansible_host": self._container}

    @property
    def testinfra_options(self) -> dict[str, str]:
        """How Testinfra reaches the machine."""
        artifacts = settings.artifacts()
        report = {"junitxml": str(artifacts / f"junit-{self._config.scenario.name}.xml")} if artifacts else {}
        return {"connection": "docker", "hosts": self._container, **report}

    @property
    def required_collections(self) -> dict[str, str]:
        """Collections that Molecule would install; what is needed is part of `ansible`."""
        return {}

    def sanity_checks(self) -> None:
        """Nothing: the engine was asked under supervision."""

    def schema_file(self) -> str:
        """The schema of the driver's part of molecule.yml: the docker driver's, with our name."""
        return str(Path(__file__).with_name("driver.json"))

    def reset(self) -> None:
        """Nothing: `tdi clean` removes all that is ours, and nothing of others."""

    @property
    def _container(self) -> str:
        return scenario.container(self._config.scenario.name, supervision.run_id())
