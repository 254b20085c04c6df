"""Training pipelines of a workspace by SDK v2: what the owner's functions make, sent and followed.

What a pipeline job's steps are called, their display names say.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from amlkit.azure import owners
from amlkit.azure.connection import on_azure, quiet
from amlkit.azure.jobs import SLOWEST_POLL
from amlkit.azure.owners import plain, without
from amlkit.azureml_v2 import checks, compute, shapes
from amlkit.azureml_v2.connection import Connection, if_there, silently
from amlkit.azureml_v2.jobs import AzureJobs, as_run
from amlkit.calls import Calls, PipelineParts, ScheduleParts, StepParts
from amlkit.interrupts import waiting
from amlkit.pipelines import Chain, Schedule
from amlkit.records import FINISHED, Resources, Run, WorkError
from amlkit.settings import SettingsError

# Tags of a schedule: what it is, by content.
CONTENT = "identity"
FIRST_POLL = 1.0


class AzurePipelines:
    """`workspace.Pipelines`, by the SDK's pipeline jobs and schedules."""

    def __init__(self, connection: Connection, calls: Calls, jobs: AzureJobs) -> None:
        self.connection = connection
        self._calls = calls
        self._jobs = jobs

    def shape(self, chain: Chain, cron: str = "") -> str:
        """See `Pipelines.shape`."""
        root = self.connection.settings.root
        names = {str(chain.job.code): "src", f"{root}/src": "src", str(root): "."}
        alone = cron and not self.connection.settings.azure.compute.name
        # A schedule goes on with the client id that it was made with.
        who = self._workspace_identity() if alone else ""

        def ask() -> Any:
            one = shapes.ENVIRONMENT
            made = self._made(chain, str(root / "src"), one, one, "", who)
            written = plain(without(made._to_dict(), ("name", "tags")), names)
            trigger = self.scheduled("name", cron, made).trigger if cron else None
            return [written, trigger and _trigger(trigger)]

        with quiet():
            return owners.steady(self._function("pipeline"), root, ask)

    def find(self, identity: str, experiment: str) -> Run | None:
        """See `Pipelines.find`."""
        return self._jobs.find(identity, experiment)

    @on_azure
    def create(self, chain: Chain) -> Run:
        """See `Pipelines.create`."""
        made = self._real(chain)
        self._jobs.label(made, chain.job)
        with silently():
            return as_run(self.connection.client.jobs.create_or_update(made))

    @on_azure
    def stream(
        self, run_id: str, on_log: Callable[[str, str], None], *, seconds: float | None = None
    ) -> Run:
        """See `Pipelines.stream`: outlives outages; the log of each step as it grows."""
        seen: set[str] = set()
        pause, began = FIRST_POLL, time.monotonic()
        with waiting() as wait:
            while True:
                # First: a step that begins after this look is found by the next one.
                status = str(self.connection.patiently(lambda: self._jobs.status(run_id)))
                steps = self.connection.patiently(lambda: self.steps(run_id))
                new = {name: run for name, run in steps.items() if run.id not in seen}
                for name, run in new.items():
                    seen.add(run.id)
                    left = None if seconds is None else began + seconds - time.monotonic()
                    self._jobs.stream(
                        run.id,
                        lambda line, name=name: on_log(name, line),  # type: ignore[misc]
                        seconds=left,
                    )
                over = seconds is not None and time.monotonic() - began > seconds
                if new and not over:
                    pause = FIRST_POLL
                    continue
                if status in FINISHED or over:
                    return self._jobs.get(run_id)
                wait.sleep(pause)
                pause = min(pause * 1.3, SLOWEST_POLL)

    def described(self, chain: Chain) -> Any:
        """The SDK's pipeline job as it would be sent; nothing is."""
        return self._with_names(chain, self.connection.settings.azure.compute.name)

    def scheduled(self, name: str, cron: str, job: Any) -> Any:
        """The SDK's schedule of such a job as it would be sent, which the owner's function makes.

        Raises:
            WorkError: it returns no schedule of that name.
        """
        from azure.ai.ml.entities import JobSchedule

        job.display_name = job.display_name or name
        function, root = self._function("schedule"), self.connection.settings.root
        made = function(ScheduleParts(name, cron, job))
        if not isinstance(made, JobSchedule):
            raise owners.refused(function, root, made, "an azure.ai.ml.entities.JobSchedule")
        if made.name != name:
            raise WorkError(f"{owners.called(function, root)}: name it parts.name, which is {name}")
        return made

    @on_azure
    def steps(self, run_id: str) -> Mapping[str, Run]:
        """See `Pipelines.steps`: in the order in which they began."""
        found = [one for one in self.connection.client.jobs.list(parent_job_name=run_id) if one]
        runs = {str(one.display_name or one.name): as_run(one) for one in found}
        return dict(sorted(runs.items(), key=lambda step: step[1].created))

    @on_azure
    def schedule(self, name: str) -> Schedule | None:
        """See `Pipelines.schedule`."""
        found = if_there(lambda: self.connection.client.schedules.get(name))
        return None if found is None else _schedule(found)

    @on_azure
    def put_schedule(self, name: str, cron: str, identity: str, chain: Chain) -> Schedule:
        """See `Pipelines.put_schedule`.

        Raises:
            WorkError: the owner's function returns no schedule of that name.
        """
        made = self.scheduled(name, cron, self._real(chain))
        made.tags = {**(made.tags or {}), CONTENT: identity}
        made._is_enabled = True
        with silently():
            sent = self.connection.client.schedules.begin_create_or_update(made).result()
        return _schedule(sent)

    @on_azure
    def remove_schedule(self, name: str) -> bool:
        """See `Pipelines.remove_schedule`: one that is enabled cannot be deleted."""
        schedules = self.connection.client.schedules
        found = if_there(lambda: schedules.get(name))
        if found is None:
            return False
        if found.is_enabled:
            schedules.begin_disable(name).result()
        schedules.begin_delete(name).result()
        return True

    @on_azure
    def last_of(self, name: str) -> Run | None:
        """See `Pipelines.last_of`."""
        jobs = self.connection.client.jobs.list(schedule_defined=True, scheduled_job_name=name)
        runs = [as_run(job) for job in jobs if job is not None]
        return max(runs, key=lambda run: run.created, default=None)

    def _real(self, chain: Chain) -> Any:
        """The SDK's pipeline job with what is in the workspace."""
        from azure.ai.ml.entities import ManagedIdentityConfiguration as Managed

        target = compute.ensure(self.connection)
        made = self._with_names(chain, target)
        if any(isinstance(getattr(node, "identity", None), Managed) for node in made.jobs.values()):
            self._check_identity(target)
        return made

    def _with_names(self, chain: Chain, target: str) -> Any:
        """The same with the names of what is, or would be, in the workspace."""
        asks = chain.client or chain.job.environment
        ids = [f"azureml:{one.name}:{one.version}" for one in (chain.job.environment, asks)]
        who = "" if target else self._workspace_identity()
        made = self._made(chain, str(chain.job.code), ids[0], ids[1], target, who)
        made.experiment_name = chain.job.experiment
        return made

    def _workspace_identity(self) -> str:
        """The client id of the user-assigned identity of serverless steps; "" without one.

        A serverless job is told none, and gets no token without (Azure/azure-sdk-for-python
        #31071). It is that of `azure.compute.identity`; where that is empty that of the
        bootstrap's, else the first.
        """
        azure = self.connection.settings.azure
        held = _held(self.connection.workspace)
        if wanted := azure.compute.identity.lower():
            return held.get(wanted, "")
        group, made = f"/resourcegroups/{azure.resource_group}/", f"/{azure.identity_name}"
        ours = (one for one in held if group.lower() in one and one.endswith(made.lower()))
        first = next(iter(held), "")
        return held.get(next(ours, first), "")

    def _check_identity(self, target: str) -> None:
        """Whether steps have a managed identity to act as: else they fail after minutes.

        Raises:
            SettingsError: the cluster has none; serverless, the workspace has no user-assigned one;
                or it has others than that of `azure.compute.identity`.
        """
        settings = self.connection.settings
        found = compute.find(self.connection) if target else self.connection.workspace
        kind = str(getattr(getattr(found, "identity", None), "type", None) or "none").lower()
        if target and found.type != "amlcompute":  # others than clusters say nothing of it
            return
        held, wanted = _held(found), settings.azure.compute.identity
        if wanted and held and wanted.lower() not in held:
            where = f"the compute target {target}" if target else "the workspace"
            what = f"{where} was not given the identity {wanted.rpartition('/')[2]}"
        elif "user" in kind or (target and kind != "none"):
            return
        elif target:
            what = f"the compute target {target} has no managed identity"
        else:
            what = "for serverless compute the workspace has no user-assigned managed identity"
        raise SettingsError(
            f"{settings.origin('azure.compute.identity')}: {what} that the pipeline's steps could "
            'act as; README.md, "The training as a pipeline", says how it gets one'
        )

    def _made(
        self, chain: Chain, code: str, training: str, client: str, target: str, who: str = ""
    ) -> Any:
        """What the owner's `pipeline(parts)` returns; `who`: the client id that steps act as.

        Raises:
            WorkError: it is no pipeline job, or a step of it cannot work.
        """
        from azure.ai.ml.entities import Command, PipelineJob

        settings, function = self.connection.settings, self._function("pipeline")
        steps = tuple(
            StepParts(
                **asdict(step),
                code=code,
                module=chain.module,
                environment=client if step.asks_workspace else training,
                resources=Resources(**asdict(settings.azure.resources)),
                variables={
                    **chain.job.variables,
                    **({"AZURE_CLIENT_ID": who} if who and step.asks_workspace else {}),
                },
            )
            for step in chain.steps
        )
        made = function(PipelineParts(steps, target))
        if not isinstance(made, PipelineJob):
            wanted = "what a function under azure.ai.ml.dsl.pipeline returns"
            raise owners.refused(function, settings.root, made, wanted)
        for name, node in made.jobs.items():
            for problem in checks.counts(node) if isinstance(node, Command) else ():
                called = owners.called(function, settings.root)
                raise WorkError(f"{called}: step {name}: {problem}")
        return made

    def _function(self, name: str) -> Callable[..., Any]:
        """The owner's."""
        found: Callable[..., Any] | None = getattr(self._calls, name)
        if found is None:
            raise WorkError(f"this driver hands over no {name} function: see src/pipeline.py")
        return found


def _held(found: Any) -> dict[str, str]:
    """The user-assigned identities of a workspace or a cluster: id in small letters → client id."""
    told = getattr(getattr(found, "identity", None), "user_assigned_identities", None) or ()
    known = {str(one.resource_id).lower(): vars(one) for one in told}
    # 1.35 keeps the service's own name for it.
    return {k: str(v.get("client_id") or v.get("clientId") or "") for k, v in known.items()}


def _trigger(made: Any) -> Any:
    """An SDK trigger as JSON, its moments as texts."""
    told = {k: v.isoformat() if isinstance(v, datetime) else v for k, v in vars(made).items()}
    return plain(told, {})


def _schedule(found: Any) -> Schedule:
    """The SDK's schedule as ours."""
    cron = str(getattr(found.trigger, "expression", None) or found.trigger.type)
    return Schedule(found.name, cron, bool(found.is_enabled), (found.tags or {}).get(CONTENT, ""))
