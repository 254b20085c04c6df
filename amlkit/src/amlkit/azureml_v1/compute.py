"""The compute target that jobs run on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from amlkit.azureml_v1.errors import on_azure, status_of, words_of
from amlkit.records import WorkError
from amlkit.settings import Settings, SettingsError


class AzureCompute:
    """The part of `AzurePlatform` that finds, and may make, the compute target."""

    settings: Settings
    workspace: Any
    say: Callable[[str], None]

    @on_azure
    def job_place(self) -> str:
        """See `Platform.job_place`."""
        wanted = self.settings.azure.compute
        if self._find_compute() is None:
            self._check_may_create()
            return f"on compute target {wanted.name} ({wanted.size}), which would be created"
        return f"on compute target {wanted.name}"

    def compute_target(self) -> Any:
        """The SDK's compute target of config.yml, made if it may be.

        Raises:
            SettingsError: there is none of that name, and config.yml does not let it be made.
            WorkError: it was not made.
        """
        from azureml.core.compute import AmlCompute, ComputeTarget

        wanted = self.settings.azure.compute
        found = self._find_compute()
        if found is not None:
            return found
        self._check_may_create()
        self.say(f"creating compute target {wanted.name}: {wanted.size}, up to {wanted.max_nodes}")
        target = ComputeTarget.create(
            self.workspace,
            wanted.name,
            AmlCompute.provisioning_configuration(
                vm_size=wanted.size,
                vm_priority="lowpriority" if wanted.low_priority else "dedicated",
                min_nodes=wanted.min_nodes,
                max_nodes=wanted.max_nodes,
                idle_seconds_before_scaledown=wanted.idle_seconds,
                tags=wanted.tags or None,
            ),
        )
        target.wait_for_completion(show_output=False)
        if target.provisioning_state != "Succeeded":
            said = "; ".join(str(error) for error in target.provisioning_errors or [])
            raise WorkError(
                f"compute target {wanted.name} was not made: {said or 'see the studio'}"
            )
        return target

    def _find_compute(self) -> Any:
        """The SDK's compute target; None if there is none of that name."""
        from azureml.core.compute import ComputeTarget
        from azureml.core.compute_target import ComputeTargetException

        try:
            return ComputeTarget(self.workspace, self.settings.azure.compute.name)
        except ComputeTargetException as error:
            if "ComputeTargetNotFound" not in words_of(error) and status_of(error) != 404:
                raise
            return None

    def _check_may_create(self) -> None:
        """Raises `SettingsError` where config.yml does not let the compute target be made."""
        wanted = self.settings.azure.compute
        if not wanted.create:
            raise SettingsError(
                f"{self.settings.origin('azure.compute.name')}: there is no compute target "
                f"{wanted.name!r} in the workspace; name one that is there, or let it be made "
                "with azure.compute.create: true"
            )
