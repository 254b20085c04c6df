"""Which answers are accepted. Pure functions: a value in, the reason of a refusal or None out."""

from __future__ import annotations

import keyword
import string
import sys
import unicodedata
from collections.abc import Callable
from collections.abc import Set as AbstractSet

SLUG_LENGTH = 50
PACKAGE_LENGTH = 40


def _words(text: str) -> frozenset[str]:
    return frozenset(text.lower().split())


# Device names: Windows refuses them as a file's or folder's name, with any extension.
WINDOWS_DEVICES = frozenset(
    ["con", "prn", "aux", "nul", "conin$", "conout$"]
    + [f"{port}{n}" for port in ("com", "lpt") for n in range(10)]
)
# In the standard library of some Python that the project runs on, if not of the one that renders.
OTHER_STDLIB = _words("""
    aifc annotationlib asynchat asyncore audioop binhex cgi cgitb chunk compression crypt
    distutils formatter imghdr imp lib2to3 mailcap msilib nis nntplib ossaudiodev parser pathlib
    pipes smtpd sndhdr spwd sunau symbol telnetlib tomllib uu xdrlib
""")
# `type` is one from Python 3.12 on.
KEYWORDS = frozenset([*keyword.kwlist, *keyword.softkwlist, "type"])
# Modules and folders of the rendered repository.
OURS = _words("amlkit conftest data deploy environment infra model pipeline src tests wheels")
# What the project installs, now or with Azure, under the name it is imported by.
INSTALLED = _words("""
    adal alembic annotated_doc annotated_types anyio argcomplete ast_serialize attr attrs azure
    azureml azureml_inference_server_http backports bcrypt blinker cachetools certifi cffi cfgv
    charset_normalizer click cloudpickle coloredlogs contextlib2 contourpy coverage
    cryptography cycler databricks dateutil deprecated distlib docker dotenv execnet fastapi
    fastjsonschema filelock fixedint flask flask_cors flatbuffers fonttools git gitdb google
    greenlet gunicorn h11 humanfriendly hypothesis identify idna importlib_metadata
    inference_schema iniconfig isodate isympy itsdangerous jeepney jinja2 jmespath joblib
    jsonpickle jsonschema jsonschema_specifications jwt kiwisolver knack librt mako
    markupsafe marshmallow matplotlib ml_dtypes mlflow mltable mpl_toolkits mpmath msal
    msal_extensions msrest msrestazure mypy mypy_extensions mypyc nacl ndg nodeenv numpy
    oauthlib onnx onnxruntime openssl opentelemetry orjson packaging pandas paramiko
    pathspec pil pip pkg_resources pkginfo platformdirs pluggy portalocker pre_commit psutil
    py pyarrow pyasn1 pyasn1_modules pycparser pydantic pydantic_core pydantic_settings
    pygments pylab pyparsing pytest pytest_cov python_discovery pytz referencing requests
    requests_oauthlib rpds ruff scipy secretstorage setuptools six skl2onnx sklearn smmap
    socks sockshandler sortedcontainers sqlalchemy sqlparse starlette sympy tabulate
    threadpoolctl tomli tqdm typing_extensions typing_inspection tzdata urllib3 uv uvicorn
    virtualenv waitress werkzeug wheel wrapt xdist yaml zipp
""")
# Names in which nothing may be chosen freely: the folder is made on Windows and macOS as well.
TAKEN = OURS | INSTALLED | OTHER_STDLIB | {name.lower() for name in sys.stdlib_module_names}

# Sets of characters rather than regular expressions, which cost a millisecond each to compile.
_LETTERS = frozenset(string.ascii_letters)
_ALNUM = _LETTERS | frozenset(string.digits)


def text(value: str) -> str | None:
    """Any text is good, but for what would be run as Jinja and what no file should hold."""
    # ${{ … }} is an expression of pipelines, and no template code unless it asks for an answer.
    template_code = value if "cookiecutter" in value else value.replace("${{", "")
    for mark in ("{{", "{%", "{#"):
        if mark in template_code:
            return f"{mark} would be taken for template code. Leave it out."
    for character in value:
        if character not in "\r\n" and unicodedata.category(character) in ("Cc", "Cs"):
            return f"it holds the control character {character!a}. Leave it out."
    return None


def project_name(value: str) -> str | None:
    """A name is any text with something to read in it."""
    return text(value) or (None if value.strip() else "a project needs a name.")


def project_slug(value: str) -> str | None:
    """A folder name on every system, and a name for `pyproject.toml`."""
    if len(value) > SLUG_LENGTH:
        return f"{_shown(value)} has {len(value)} characters. Use {SLUG_LENGTH} at most."
    if not _made_of(value, _ALNUM | set("._-"), first=_ALNUM, last=_ALNUM):
        return (
            f"{_shown(value)} is no folder name for every system. Use letters, digits, - _ . with"
            " a letter or digit first and last, such as my-model."
        )
    if value.split(".")[0].lower() in WINDOWS_DEVICES:
        return f"{_shown(value)} is a device name on Windows. Choose another, such as my-{value}."
    return None


def package_name(value: str) -> str | None:
    """A module name that hides nothing: no keyword, nothing of Python, of ours, or installed."""
    if len(value) > PACKAGE_LENGTH:
        return f"{_shown(value)} has {len(value)} characters. Use {PACKAGE_LENGTH} at most."
    if not _made_of(value, _ALNUM | {"_"}, first=_LETTERS):
        return (
            f"{_shown(value)} is no name for a Python package. Use letters, digits and _ with a"
            " letter first, such as my_model."
        )
    lower = value.lower()
    if {value, lower, value.capitalize()} & KEYWORDS:
        return f"{_shown(value)} is a Python keyword. Choose another, such as {lower}_model."
    if lower in WINDOWS_DEVICES:
        return (
            f"{_shown(value)} is a device name on Windows. Choose another, such as {lower}_model."
        )
    if lower in TAKEN:
        whose = (
            "of this repository" if lower in OURS
            else "that the project installs" if lower in INSTALLED
            else "of Python's standard library"
        )  # fmt: skip
        return f"{_shown(value)} is a module {whose}. Choose another, such as {lower}_model."
    return None


def subscription_id(value: str) -> str | None:
    """A GUID, or nothing yet."""
    digits = [part for part in value.split("-") if set(part) <= set(string.hexdigits)]
    if not value or ([len(part) for part in digits] == [8, 4, 4, 4, 12] and len(value) == 36):
        return None
    return (
        f"{_shown(value)} is no subscription id. Give the one that `az account show --query id`"
        " prints, such as 01234567-89ab-cdef-0123-456789abcdef, or leave it empty."
    )


def location(value: str) -> str | None:
    """The name of a region, short or as people write it."""
    lower, short = set(string.ascii_lowercase), region(value)
    if 2 <= len(short) <= 50 and _made_of(short, lower | set(string.digits), first=lower):
        return None
    return f"{_shown(value)} is no Azure region. Give its name, such as westeurope or West Europe."


def region(value: str) -> str:
    """Return a region's short name: `westeurope` for "West Europe" or "(Europe) West Europe"."""
    name = value.rpartition(")")[2] if value.startswith("(") else value  # as the portal lists it
    return "".join(character for character in name.lower() if character not in " -_")


def resource_group(value: str) -> str | None:
    """1-90 letters, digits, _ ( ) - . with no period last."""
    good = all(character.isalnum() or character in "_()-." for character in value)
    if good and 1 <= len(value) <= 90 and not value.endswith("."):
        return None
    return (
        f"{_shown(value)} is no resource group name. Use 1 to 90 letters, digits, _ ( ) - . with"
        " no period last."
    )


def workspace_name(value: str) -> str | None:
    """3-33 letters, digits, - _ with a letter or digit first."""
    if 3 <= len(value) <= 33 and _made_of(value, _ALNUM | set("_-"), first=_ALNUM):
        return None
    return (
        f"{_shown(value)} is no workspace name. Use 3 to 33 letters, digits, - _ with a letter or"
        " digit first."
    )


def service_principal_name(value: str) -> str | None:
    """2-120 letters, digits, spaces, . _ - which no shell or query has to escape."""
    solid = _ALNUM | set("._-")
    if 2 <= len(value) <= 120 and _made_of(value, solid | {" "}, first=_ALNUM, last=solid):
        return None
    return (
        f"{_shown(value)} is no service principal name. Use 2 to 120 letters, digits, spaces,"
        " . _ - with a letter or digit first and no space last."
    )


def pipeline_refusal(wanted: bool, sdk: str) -> str | None:
    """Return why there can be no training pipeline, or None: it is written in SDK v2."""
    if not wanted or sdk == "v2":
        return None
    return "pipelines of steps come with SDK v2. Answer azureml_sdk=v2, or no here."


CHECKED: dict[str, Callable[[str], str | None]] = {
    "project_name": project_name,
    "project_slug": project_slug,
    "package_name": package_name,
    "description": text,
    "author_name": text,
    "subscription_id": subscription_id,
    "location": location,
    "resource_group": resource_group,
    "workspace_name": workspace_name,
    "service_principal_name": service_principal_name,
}


def refusal(answer: str, value: str) -> str | None:
    """Return why `value` is refused for `answer`, in one line, or None if it is good."""
    return text(value) or CHECKED[answer](value)


def _made_of(
    value: str,
    these: AbstractSet[str],
    first: AbstractSet[str],
    last: AbstractSet[str] | None = None,
) -> bool:
    """Tell whether `value` has characters, all of them allowed where they stand."""
    return (
        bool(value) and set(value) <= these and value[0] in first and value[-1] in (last or these)
    )


def _shown(value: str) -> str:
    """Return the value in quotes on one line, cut where it is long."""
    return ascii(value if len(value) <= 60 else value[:57] + "...")
