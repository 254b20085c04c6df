"""A run's definition as run history answers it: every field it knows, in words of its own.

Source: the recording batch_services test_batch_job_download of azure-ai-ml
(Azure/azure-sdk-for-python @ 1dda381ddd09), whose `rundata` shows one as it is kept.
"""

from __future__ import annotations

from .routing import Json

# What a field holds where the client says nothing of it, as recorded.
_PLAIN: Json = {
    "script": None,
    "command": None,
    "useAbsolutePath": False,
    "arguments": [],
    "sourceDirectoryDataStore": None,
    "framework": "Python",
    "communicator": "None",
    "target": None,
    "dataReferences": {},
    "data": {},
    "outputData": {},
    "datacaches": [],
    "jobName": None,
    "maxRunDurationSeconds": None,
    "nodeCount": 1,
    "instanceTypes": [],
    "priority": None,
    "credentialPassthrough": False,
    "identity": None,
    "environmentVariables": {},
    "applicationEndpoints": {},
    "exposedPorts": None,
    "parameters": [],
}
_SECTIONS: Json = {
    "history": {
        "outputCollection": True,
        "directoriesToWatch": ["logs"],
        "enableMLflowTracking": True,
        "snapshotProject": True,
    },
    "spark": {"configuration": {}},
    "parallelTask": {
        "maxRetriesPerWorker": 0,
        "workerCountPerNode": 1,
        "terminalExitCodes": None,
        "configuration": {},
    },
    "amlCompute": {
        "name": None,
        "vmSize": None,
        "retainCluster": False,
        "clusterMaxNodeCount": None,
    },
    "aiSuperComputer": {
        "instanceType": "D2",
        "imageVersion": "pytorch-1.7.0",
        "location": None,
        "aiSuperComputerStorageData": None,
        "interactive": False,
        "scalePolicy": None,
        "virtualClusterArmId": None,
        "tensorboardLogDirectory": None,
        "sshPublicKey": None,
        "sshPublicKeys": None,
        "enableAzmlInt": True,
        "priority": "Medium",
        "slaTier": "Standard",
        "userAlias": None,
    },
    "kubernetesCompute": {"instanceType": None},
    "tensorflow": {"workerCount": 0, "parameterServerCount": 0},
    "mpi": {"processCountPerNode": 0},
    "pyTorch": {"communicationBackend": None, "processCount": None},
    "hdi": {"yarnDeployMode": "None"},
    "containerInstance": {"region": None, "cpuCores": 2.0, "memoryGb": 3.5},
    "docker": {"useDocker": False, "sharedVolumes": True, "shmSize": "2g", "arguments": []},
    "cmk8sCompute": {"configuration": {}},
    "commandReturnCodeConfig": {"returnCode": "Zero", "successfulReturnCodes": []},
}
_DATA: Json = {
    "mechanism": None,
    "environmentVariableName": None,
    "pathOnCompute": None,
    "overwrite": False,
    "options": {},
}
_LOCATION: Json = {"dataPath": None, "uri": None, "type": None}
_ENVIRONMENT: Json = {
    "name": None,
    "version": None,
    "assetId": None,
    "autoRebuild": True,
    "environmentVariables": {},
    "inferencingStackVersion": None,
}
_ENVIRONMENT_SECTIONS: Json = {
    "python": {
        "interpreterPath": "python",
        "userManagedDependencies": False,
        "condaDependencies": None,
        "baseCondaEnvironment": None,
    },
    "docker": {
        "baseImage": None,
        "platform": {"os": "Linux", "architecture": "amd64"},
        "baseDockerfile": None,
        "baseImageRegistry": {"address": None, "username": None, "password": None},
        "enabled": False,
        "arguments": [],
    },
    "spark": {"repositories": [], "packages": [], "precachePackages": True},
}


def answered(definition: Json | None) -> Json | None:
    """A definition with every field, as the service writes it; None for a run without one."""
    if definition is None:
        return None
    given = {name.lower(): value for name, value in definition.items()}
    return {
        **_fields(_PLAIN, given),
        **_sections(_SECTIONS, given),
        "arguments": [str(one) for one in given.get("arguments") or []],
        "data": {name: _data(one) for name, one in (given.get("data") or {}).items()},
        "environment": _environment(definition.get("environment") or {}),
    }


def _data(given: Json) -> Json:
    """One input, its dataset's version as a word."""
    lower = {name.lower(): value for name, value in given.items()}
    location = given.get("dataLocation") or {}
    known = location.get("dataset") or {}
    dataset = {key: known.get(key) for key in ("id", "name", "version")}
    if dataset["version"] is not None:
        dataset["version"] = str(dataset["version"])
    places = _fields(_LOCATION, {name.lower(): value for name, value in location.items()})
    held = dataset if known else None
    return {**_fields(_DATA, lower), "dataLocation": {**places, "dataset": held}}


def filled(environment: Json) -> Json:
    """An environment whose sections have every field, as the environment service answers it."""
    sections = {
        name: {**fields, **(environment.get(name) or {})}
        for name, fields in _ENVIRONMENT_SECTIONS.items()
    }
    return {**environment, **sections}


def _environment(given: Json) -> Json:
    lower = {name.lower(): value for name, value in given.items()}
    return {**_fields(_ENVIRONMENT, lower), **_sections(_ENVIRONMENT_SECTIONS, lower)}


def _fields(plain: Json, given: Json) -> Json:
    """The fields known, each as given, whatever case its name was written in."""
    made = {}
    for name, value in plain.items():
        said = given.get(name.lower())
        made[name] = value if said is None else said
    return made


def _sections(plain: Json, given: Json) -> Json:
    """The sections known, each with its fields."""
    made = {}
    for name, fields in plain.items():
        section = given.get(name.lower()) or {}
        made[name] = _fields(fields, {key.lower(): value for key, value in section.items()})
    return made
