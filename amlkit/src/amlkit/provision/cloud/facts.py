"""What is true of Azure, each fact once: ids, versions, providers. Tests hold them to their source.

Sources: "Azure built-in roles" and the REST specifications (Azure/azure-rest-api-specs).
"""

from __future__ import annotations

GRAPH = "https://graph.microsoft.com/v1.0"
# Azure DevOps, as Entra ID knows it: whom a token is for; and the versions of its REST interface.
DEVOPS = "499b84ac-1321-427f-aa17-267ca6975798"
DEVOPS_VERSION = "7.1"
DEVOPS_PREVIEW = f"{DEVOPS_VERSION}-preview.1"  # of checks and permissions
# Built-in roles have the same ids in every tenant.
SCIENTIST = "AzureML Data Scientist"
OPERATOR = "AzureML Compute Operator"
CONTRIBUTOR = "Contributor"
READER = "Reader"
METRICS_READER = "Monitoring Reader"
BLOB_WRITER = "Storage Blob Data Contributor"
ROLES = {
    SCIENTIST: "f6c7c914-8db3-469d-8ca1-694a8f32e121",
    OPERATOR: "e503ece1-11d0-4e8e-8e2c-7a6c3bf38815",
    CONTRIBUTOR: "b24988ac-6180-42a0-ab88-20f7382dd24c",
    READER: "acdd72a7-3385-48ef-bd42-f606fba81ae7",
    METRICS_READER: "43d0d8ad-25c7-4714-9337-8ba259a9fe05",
    BLOB_WRITER: "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
}
ROLE_GIVER = "Owner or User Access Administrator"
APP_MAKER = "Application Developer in Entra ID (most tenants let every member do it)"
# What the workspace, what it stands on, its images, services and notebooks belong to.
PROVIDERS = (
    "Microsoft.MachineLearningServices",
    "Microsoft.Storage",
    "Microsoft.KeyVault",
    "Microsoft.Insights",
    "Microsoft.OperationalInsights",
    "Microsoft.ContainerRegistry",
    "Microsoft.ContainerInstance",
    "Microsoft.Notebooks",
)
# The version of the REST interface by which a provider's types are read and made.
VERSIONS = {
    "Microsoft.Resources": "2021-04-01",
    "Microsoft.Storage": "2023-05-01",
    "Microsoft.KeyVault": "2023-07-01",
    "Microsoft.OperationalInsights": "2022-10-01",
    "Microsoft.Insights": "2020-02-02",
    "Microsoft.MachineLearningServices": "2024-04-01",
    "Microsoft.Authorization": "2022-04-01",
    "Microsoft.ManagedIdentity": "2023-01-31",
}
STORAGE = "Microsoft.Storage/storageAccounts"
VAULT = "Microsoft.KeyVault/vaults"
LOGS = "Microsoft.OperationalInsights/workspaces"
INSIGHTS = "Microsoft.Insights/components"
WORKSPACE = "Microsoft.MachineLearningServices/workspaces"
IDENTITY = "Microsoft.ManagedIdentity/userAssignedIdentities"
ASSIGNMENT = "Microsoft.Authorization/roleAssignments"
# How long Azure keeps what was deleted, and its name (days).
VAULT_KEPT, WORKSPACE_KEPT, APPLICATION_KEPT = 90, 14, 30
# How long the directory may need until all of Azure knows a new principal (s).
REPLICATION = 180
