"""Leave what was chosen, say what to type next, begin in Azure where asked to.

Under cruft `_output_dir` is missing: nothing is made in Azure then, and nothing is said where
`cruft update` and `cruft diff` compare two renderings in a temporary folder.
"""

import os
import sys

ANSWERS = """{{ cookiecutter._output_dir is undefined }} {{ cookiecutter.bootstrap_azure }}
{{ cookiecutter.bootstrap_azure | typed }}"""
UNCHOSEN = """{{ cookiecutter | unchosen }}""".splitlines()
CRUFT, WANTED, TYPED = (answer == "True" for answer in ANSWERS.split())
HERE = os.getcwd()
GIT = '  git init -b main\n  git add -A\n  git commit -m "Start from aml-template"\n'
POSIX = "  make setup\n  .venv/bin/python src/model.py --local\n"
WINDOWS = (
    "  uv venv --python 3.11\n  uv pip sync requirements-dev.txt\n"
    "  .venv\\Scripts\\python src\\model.py --local\n"
)


def leave_chosen() -> None:
    """Remove what was rendered for what was not chosen, and the folders that it alone was in."""
    for path in UNCHOSEN:
        if os.path.exists(path):
            os.remove(path)
        while (path := os.path.dirname(path)) and os.path.isdir(path) and not os.listdir(path):
            os.rmdir(path)
    written = "docs/pipelines.github.md"
    if os.path.exists(written):  # the page has one name, whatever it tells of
        if os.path.exists("docs/pipelines.md"):
            os.remove(written)  # by -s: the user's own stays
        else:
            os.rename(written, "docs/pipelines.md")


def folder() -> str:
    """Return this folder as `cd` takes it where the user stands."""
    inside = os.path.dirname(HERE) == os.path.realpath(os.environ.get("PWD", HERE))
    path = os.path.basename(HERE) if inside else HERE
    if all(character.isalnum() or character in "/\\:._-" for character in path):
        return path
    return f'"{path}"' if os.name == "nt" else "'" + path.replace("'", "'\\''") + "'"


def bootstrap() -> None:
    """Make in Azure what was asked for; the last line says how to go on, whatever happens."""
    from subprocess import call

    command = ["infra/bootstrap.py", "apply"]
    terminal = sys.stdin.isatty() and sys.stdout.isatty()  # there it shows the plan, and asks
    if terminal or TYPED:
        print("\nNow Azure:\n", flush=True)
        try:
            call([sys.executable, *command, *([] if terminal else ["--yes"])])  # noqa: S603
        except KeyboardInterrupt:
            print("\ninterrupted")
    else:
        print("\nNothing was made in Azure: there is no terminal to ask on.")
    print(f"To go on in Azure, after cd {folder()}:  python {' '.join(command)}", flush=True)


leave_chosen()
if CRUFT:
    from tempfile import gettempdir
if not (CRUFT and HERE.startswith(os.path.realpath(gettempdir()))):
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # a path may hold anything
    systems = ("Linux and macOS", POSIX), ("Windows", WINDOWS)
    (_, mine), (there, other) = systems[::-1] if os.name == "nt" else systems
    above = [HERE[:i] for i, character in enumerate(f"{HERE}/") if character in "/\\"]
    git = "" if any(os.path.exists(f"{path}/.git") for path in above) else GIT
    print("\nYour repository is ready. A first model, with no Azure:\n")
    print(f"  cd {folder()}\n{git}{mine}\nOn {there} the last lines are:\n\n{other}")
    if WANTED and not CRUFT:
        bootstrap()
