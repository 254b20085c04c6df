#!/bin/sh
# What a person would write: the same resources by the same commands, one after the other.
# Its variables: subscription, suffix (of names that are unique in all of Azure).
set -eu
: "${subscription:?}" "${suffix:?}"
export AZURE_CORE_OUTPUT=none AZURE_CORE_ONLY_SHOW_ERRORS=true AZURE_EXTENSION_USE_DYNAMIC_INSTALL=no
group=rg-plain place=westeurope workspace=mlw-plain
scope=/subscriptions/$subscription/resourceGroups/$group/providers

for kind in MachineLearningServices Storage KeyVault Insights OperationalInsights ContainerRegistry; do
    az provider register --namespace "Microsoft.$kind"
done
az group create -n "$group" -l "$place"
az storage account create -n "st$suffix" -g "$group" -l "$place" --sku Standard_LRS \
    --kind StorageV2 --min-tls-version TLS1_2 --allow-blob-public-access false
az storage container-rm create -n data --storage-account "st$suffix" -g "$group" ||
    az storage container-rm show -n data --storage-account "st$suffix" -g "$group"
az keyvault show -n "kv-$suffix" -g "$group" 2>/dev/null ||
    az keyvault create -n "kv-$suffix" -g "$group" -l "$place" --enable-rbac-authorization true
az monitor log-analytics workspace create -n "log-$suffix" -g "$group" -l "$place"
az resource create --id "$scope/Microsoft.Insights/components/appi-$suffix" \
    --api-version 2020-02-02 --is-full-object --properties "{\"location\": \"$place\",
        \"kind\": \"web\", \"properties\": {\"Application_Type\": \"web\", \"WorkspaceResourceId\":
        \"$scope/Microsoft.OperationalInsights/workspaces/log-$suffix\"}}"
az ml workspace show -n "$workspace" -g "$group" 2>/dev/null ||
    az ml workspace create -n "$workspace" -g "$group" -l "$place" \
        --storage-account "$scope/Microsoft.Storage/storageAccounts/st$suffix" \
        --key-vault "$scope/Microsoft.KeyVault/vaults/kv-$suffix" \
        --application-insights "$scope/Microsoft.Insights/components/appi-$suffix"
az ml compute show -n cpu-cluster -g "$group" -w "$workspace" 2>/dev/null ||
    az ml compute create -n cpu-cluster -g "$group" -w "$workspace" --type AmlCompute \
        --size Standard_DS3_v2 --min-instances 0 --max-instances 2
client=$(az ad app create --display-name sp-plain --query appId -o tsv)
az ad sp show --id "$client" 2>/dev/null || az ad sp create --id "$client"
principal=$(az ad sp show --id "$client" --query id -o tsv)
sleep "${replication:-1}"  # until Azure knows the new principal everywhere
az role assignment create --role "AzureML Data Scientist" \
    --scope "$scope/Microsoft.MachineLearningServices/workspaces/$workspace" \
    --assignee-object-id "$principal" --assignee-principal-type ServicePrincipal
az role assignment create --role "Storage Blob Data Contributor" \
    --scope "$scope/Microsoft.Storage/storageAccounts/st$suffix" \
    --assignee-object-id "$principal" --assignee-principal-type ServicePrincipal
