"""A DOUBLE of az's `ml` extension, which is on no index of Python packages.

Not Microsoft's: own code, with the names, flags and exit codes of the six commands that a bootstrap
needs, as they stand in `azext_mlv2` (Azure/azure-cli-extensions, src/machinelearningservices at
4109f41 and 0783580). What it calls is the real thing: azure-ai-ml, with az's own credentials.
"""

from __future__ import annotations

from typing import Any

from azure.cli.core import AzCommandsLoader
from azure.cli.core.commands import CliCommandType
from azure.cli.core.commands.parameters import resource_group_name_type, tags_type


class Loader(AzCommandsLoader):  # type: ignore[misc]  # az has no types
    """Tells az which commands there are and which flags they take."""

    def __init__(self, cli_ctx: Any = None) -> None:
        here = CliCommandType(operations_tmpl="azext_ml_double.commands#{}")
        super().__init__(cli_ctx=cli_ctx, custom_command_type=here)

    def load_command_table(self, args: Any) -> Any:
        """`show` exits with 3 when there is none; `delete` asks unless --yes is given."""
        for kind in ("workspace", "compute"):
            with self.command_group(f"ml {kind}") as group:
                group.custom_command("create", f"{kind}_create", supports_no_wait=True)
                group.custom_show_command("show", f"{kind}_show")
                group.custom_command(
                    "delete", f"{kind}_delete", supports_no_wait=True, confirmation=True
                )
        return self.command_table

    def load_arguments(self, command: Any) -> None:
        """A workspace's own name is -n (there is no -w); a compute's workspace is -w."""
        for kind in ("workspace", "compute"):
            with self.argument_context(f"ml {kind}") as context:
                context.argument("resource_group_name", resource_group_name_type)
                context.argument("name", options_list=["--name", "-n"])
        for verb in ("show", "delete"):
            with self.argument_context(f"ml workspace {verb}") as context:
                context.argument(
                    "name", options_list=["--name", "-n"], configured_default="workspace"
                )
        with self.argument_context("ml workspace create") as context:
            for name, short in (
                ("location", "-l"),
                ("storage_account", "-s"),
                ("key_vault", "-k"),
                ("application_insights", "-a"),
                ("container_registry", "-c"),
            ):
                context.argument(name, options_list=[f"--{name.replace('_', '-')}", short])
            context.argument("tags", tags_type)
            context.argument("managed_network", options_list=["--managed-network", "-m"])
            context.argument(
                "system_datastores_auth_mode",
                options_list=["--system-datastores-auth-mode", "-d"],
            )
        with self.argument_context("ml workspace delete") as context:
            context.argument("all_resources", action="store_true")
            context.argument(
                "permanently_delete",
                options_list=["--permanently-delete", "-p"],
                action="store_true",
            )
        with self.argument_context("ml compute") as context:
            context.argument(
                "workspace_name",
                options_list=["--workspace-name", "-w"],
                configured_default="workspace",
            )
        with self.argument_context("ml compute create") as context:
            context.argument("type", options_list=["--type", "-t"])
            context.argument("location", options_list=["--location", "-l"])
            context.argument(
                "idle_time_before_scale_down",
                options_list=["--idle-time-before-scale-down", "-d"],
            )
            context.argument("tags", tags_type)


COMMAND_LOADER_CLS = Loader
