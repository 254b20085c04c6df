"""Versioned assets of SDK v2: containers and their versions, of all kinds in one store.

Shapes: ...Container and ...Version of machineLearningServices; `kinds.py` says what differs.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlencode

from ..account import Principal
from ..management import has_pairs
from ..routing import ARM, Answer, AzureError, Json, Request, route
from .kinds import KINDS, Kind
from .system import system_data

if TYPE_CHECKING:
    from ..standin import Azure

PAGE = 30
#: Source: the pattern of `name` of these resources in the specification.
NAME = re.compile(r"^[a-zA-Z0-9][a-zA-Z0-9\-_.]{0,254}$")
TYPE = "Microsoft.MachineLearningServices/workspaces"
F = TypeVar("F", bound=Callable[..., Any])


@dataclass
class Entry:
    """A container or a version, with who made and who changed it."""

    name: str
    properties: Json
    creator: Principal | None = None
    created: float = field(default_factory=time.time)
    changer: Principal | None = None
    changed: float = field(default_factory=time.time)

    def change(self, properties: Json, who: Principal | None) -> None:
        """Take over what a request says."""
        self.properties, self.changer, self.changed = properties, who, time.time()

    def body(self, path: str, kind: str) -> Json:
        """The resource as it is answered."""
        return {
            "id": path,
            "name": self.name,
            "type": f"{TYPE}/{kind}",
            "properties": self.properties,
            "systemData": system_data(self.creator, self.created, self.changer, self.changed),
        }


@dataclass
class Container(Entry):
    """All versions of a name, oldest first."""

    versions: dict[str, Entry] = field(default_factory=dict)


def of_kinds(method: str, tail: str, needs: str = "") -> Callable[[F], F]:
    """A route below each kind; the handler gets the kind by the request's path."""

    def mark(function: F) -> F:
        for plural in KINDS:
            function = route(method, ARM, f"{{workspace}}/{plural}{tail}", needs=needs)(function)
        return function

    return mark


def kind_of(request: Request) -> Kind:
    """The kind that a request's path names."""
    plural = re.split(r"/workspaces/[^/]+/", request.path, flags=re.IGNORECASE)[1].split("/")[0]
    return KINDS[plural.lower()]


class Assets:
    """Environments, codes, data, models and components of the workspace."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        self.lock = threading.RLock()
        self._containers: dict[str, dict[str, Container]] = {plural: {} for plural in KINDS}

    # What other parts use.

    def kept(self, plural: str) -> dict[str, Container]:
        """The containers of a kind as they are, for what keeps v1 and v2 the same."""
        return self._containers[plural]

    def containers(self, kind: Kind) -> dict[str, Container]:
        """All containers of a kind; what SDK v1 made is taken in first."""
        with self.lock:
            self.azure.v2.shared.take_in(kind.plural)
        return self._containers[kind.plural]

    def container(self, kind: Kind, name: str, version: str = "") -> Container:
        """The container of a name. AzureError 404."""
        found = self.containers(kind).get(name)
        if found is None:
            raise kind.missed(name, version)
        return found

    def version(self, plural: str, name: str, version: str) -> Entry:
        """One version. AzureError 404."""
        kind = KINDS[plural]
        found = self.container(kind, name, version).versions.get(version)
        if found is None:
            raise kind.missed(name, version)
        return found

    def latest(self, container: Container) -> str:
        """The version that was made last and is not archived; "" without one."""
        active = [one for one in container.versions.values() if not one.properties["isArchived"]]
        return max(active, key=lambda one: one.created).name if active else ""

    def path(self, plural: str, name: str, version: str = "") -> str:
        """The ARM id of an asset."""
        tail = f"/versions/{version}" if version else ""
        return f"{self.azure.account.workspace_path}/{plural}/{name}{tail}"

    def find(self, asset_id: str, plural: str) -> tuple[str, Entry]:
        """The name and version behind an ARM id, `azureml:NAME:VERSION` or `NAME@latest`.

        Or behind the id of a registry's model, which `check_named` lets a request name. AzureError
        400 for what names no asset of this workspace, 404 for one that is not there, 501 for a
        registry's of another kind.
        """
        text = re.sub(r"^azureml:(//)?", "", asset_id)
        if text.lower().startswith("registries/"):
            return (self.azure.first or self.azure).v2.registry_assets.named(text, plural)
        found = re.search(rf"/{plural}/([^/]+)/(versions|labels)/([^/]+)/?$", text, re.IGNORECASE)
        short = re.fullmatch(r"([^/:@]+)(:|@)([^/:@]+)", text)
        if found is None and short is None:
            raise AzureError(400, "UserError", f"'{asset_id}' names no asset of {plural}.")
        name, how, version = (found or short).groups()  # type: ignore[union-attr]
        if how in ("labels", "@"):
            version = self.latest(self.container(KINDS[plural], name, version))
        return name, self.version(plural, name, version)

    def check_named(self, request: Request, given: Json) -> None:
        """AzureError 403 where a request names what its caller may not read of a registry."""
        (self.azure.first or self.azure).v2.registry_assets.check_named(request, given)

    def put(
        self, kind: Kind, name: str, version: str, given: Json, who: Principal | None
    ) -> tuple[Entry, bool]:
        """Keep a version; whether it is new.

        AzureError 400 for a name or a type of data, 409 for other content.
        """
        for one in (name, version):
            if not NAME.match(one):
                raise AzureError(400, "UserError", f"'{one}' is no valid name of {kind.plural}.")
        given = kind.normal({k: v for k, v in given.items() if v is not None})
        for key in ("tags", "properties"):  # the service keeps texts, whatever a client sends
            given[key] = {k: str(v) for k, v in (given.get(key) or {}).items()}
        with self.lock:
            container = self.containers(kind).get(name)
            if container is None:
                plain: Json = {"description": None, "tags": {}, "properties": {}}
                container = Container(name, plain | {"isArchived": False}, who, changer=who)
                self._containers[kind.plural][name] = container
            known = container.versions.get(version)
            if known is None:
                if kind.plural == "data":
                    _check_type(container, given)
                entry = Entry(version, {**kind.defaults, **given}, who, changer=who)
                container.versions[version] = entry
                container.changed, container.changer = entry.created, who
                return entry, True
            if not kind.same(given, known.properties):
                raise kind.refused(name, version)
            known.change({**known.properties, **kind.defaults, **given}, who)
            return known, False

    # Answers.

    def _version_body(self, kind: Kind, name: str, entry: Entry) -> Json:
        return entry.body(self.path(kind.plural, name, entry.name), f"{kind.plural}/versions")

    def _container_body(self, kind: Kind, one: Container) -> Json:
        latest = self.latest(one)
        body = one.body(self.path(kind.plural, one.name), kind.plural)
        more: Json = {
            "latestVersion": latest or None,
            "nextVersion": kind.next(latest, len(one.versions)),
        }
        if kind.plural == "data":
            newest = one.versions[latest or list(one.versions)[-1]] if one.versions else None
            more["dataType"] = newest.properties.get("dataType") if newest else None
        body["properties"] = one.properties | more
        return body

    @of_kinds("GET", "/{name}/versions/{version}")
    def get_version(self, request: Request, name: str, version: str) -> Json:
        """One version. 404."""
        kind = kind_of(request)
        return self._version_body(kind, name, self.version(kind.plural, name, version))

    @of_kinds("PUT", "/{name}/versions/{version}")
    def put_version(self, request: Request, name: str, version: str) -> Answer:
        """Make a version (201), or change its tags, description, archive flag (200). 409."""
        kind = kind_of(request)
        given = request.json().get("properties") or {}
        given = self.azure.v2.shared.checked(kind.plural, name, version, given)
        entry, new = self.put(kind, name, version, given, request.principal)
        self.azure.v2.shared.give_out(kind.plural, name, entry)
        return Answer(201 if new else 200, self._version_body(kind, name, entry))

    @of_kinds("DELETE", "/{name}/versions/{version}")
    def delete_version(self, request: Request, name: str, version: str) -> Answer:
        """Delete a version (200); 204 when there is none."""
        kind = kind_of(request)
        with self.lock:
            container = self.containers(kind).get(name)
            if container is None or container.versions.pop(version, None) is None:
                return Answer(204)
            if not container.versions:
                del self._containers[kind.plural][name]
        self.azure.v2.shared.drop(kind.plural, name, version)
        return Answer(200)

    @of_kinds("GET", "/{name}")
    def get_container(self, request: Request, name: str) -> Json:
        """A container with its latest and next version. 404."""
        kind = kind_of(request)
        return self._container_body(kind, self.container(kind, name))

    @of_kinds("PUT", "/{name}")
    def put_container(self, request: Request, name: str) -> Answer:
        """Make a container (201), or change what is said of it (200)."""
        kind, who = kind_of(request), request.principal
        given = request.json().get("properties") or {}
        kept = ("description", "tags", "properties", "isArchived")
        with self.lock:
            found = self.containers(kind).get(name)
            new = found is None
            one = found or Container(name, {}, who)
            plain: Json = {"description": None, "tags": {}, "properties": {}, "isArchived": False}
            told = {k: v for k, v in given.items() if k in kept and v is not None}
            one.change({**plain, **one.properties, **told}, who)
            self._containers[kind.plural][name] = one
        return Answer(201 if new else 200, self._container_body(kind, one))

    @of_kinds("GET", "/{name}/versions")
    def list_versions(self, request: Request, name: str) -> Json:
        """The versions of a name, newest first, in pages. 404 for a model of no version."""
        kind, known = kind_of(request), self.containers(kind_of(request))
        names = [name] if name in known else []
        if "hash" in request.query:  # of code: the same content, whatever its name (recorded)
            names = list(known)
        elif not names and kind.plural == "models":  # recorded; of the other kinds nothing is
            raise kind.missed(name)
        entries = [
            (holder, one)
            for holder in names
            for one in known[holder].versions.values()
            if viewed(request, one.properties)
            and ("hash" not in request.query or _hashed(one, request.query))
        ]
        order = (request.query.get("$orderBy") or "createdtime desc").lower()
        entries.sort(key=lambda pair: pair[1].created, reverse="asc" not in order.split())
        return page(request, [self._version_body(kind, *pair) for pair in entries])

    @of_kinds("GET", "")
    def list_containers(self, request: Request) -> Json:
        """The containers of a kind, newest first, in pages."""
        kind = kind_of(request)
        seen = [
            one
            for one in self.containers(kind).values()
            if self.azure.listed(one.created) and viewed(request, one.properties)
        ]
        seen.sort(key=lambda one: one.changed, reverse=True)
        return page(request, [self._container_body(kind, one) for one in seen])


def _check_type(container: Container, given: Json) -> None:
    """AzureError 400 for data of another type than the name's first version.

    Source: "Create and manage data assets", what to do about a wrong type. The words are ours.
    """
    first = next(iter(container.versions.values()), None)
    if first is not None and first.properties.get("dataType") != given.get("dataType"):
        raise AzureError(
            400,
            "UserError",
            f"Data asset {container.name} is of type {first.properties.get('dataType')}: a new "
            f"version cannot be of type {given.get('dataType')}.",
        )


def viewed(request: Request, properties: Json) -> bool:
    """Whether a list shows an entry: by `listViewType`, tags and properties."""
    view = request.query.get("listViewType") or "ActiveOnly"
    archived = bool(properties.get("isArchived"))
    if archived != (view == "ArchivedOnly") and view != "All":
        return False
    tags = request.query.get("tags") or request.query.get("$tags")
    return has_pairs(properties.get("tags") or {}, tags)


def _hashed(entry: Entry, query: dict[str, str]) -> bool:
    held = entry.properties.get("properties") or {}
    wanted = (query["hash"], query.get("hashVersion"))
    return (held.get("hash_sha256"), held.get("hash_version")) == wanted


def page(request: Request, items: list[Json]) -> Json:
    """A page from `$skip` on; `nextLink` only where there are more."""
    start = int(request.query.get("$skip") or 0)
    size = int(request.query.get("$top") or request.query.get("$maxpagesize") or PAGE)
    answer: Json = {"value": items[start : start + size]}
    if start + size < len(items):
        query = request.query | {"$skip": str(start + size)}
        answer["nextLink"] = f"https://{request.host}{quote(request.path)}?{urlencode(query)}"
    return answer
