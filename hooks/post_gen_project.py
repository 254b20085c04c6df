"""Make the first commit, say what to type next, and begin in Azure if that was asked for.

Runs in the rendered project's folder. Answers are read as data. Under cruft `_output_dir` is
missing: `cruft update` runs this in a folder of its own, where a commit would make it lose the
update without a word, and where nothing is to be made in Azure.
"""

import json
import os
import sys

ANSWERS = json.loads(r"""{{ cookiecutter | as_json }}""")
# Typed as an argument: not a default, not taken from a replay or a configuration file.
TYPED = "{{ cookiecutter.bootstrap_azure | typed_bootstrap_azure }}"
HERE = os.getcwd()
# Set while git itself runs us, say from a hook: they would point at another repository.
GIT_PLACES = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX")
STEADY = ("-c", "commit.gpgsign=false", "-c", f"core.hooksPath={os.devnull}", "-c", "gc.auto=0")
# A hundred small files that can be rendered again: not worth packing, nor waiting for the disk.
QUICK = ("-c", "core.looseCompression=0", "-c", "core.fsync=none")
NOBODY = ("-c", "user.name=cookiecutter", "-c", "user.email=cookiecutter@localhost")


def surrounded() -> bool:
    """Tell whether the folder lies in a git repository, or is one."""
    folder = HERE
    while not os.path.exists(os.path.join(folder, ".git")):
        parent = os.path.dirname(folder)
        if parent == folder:
            return False
        folder = parent
    return True


def count_files(folder: str) -> int:
    """Return how many files lie below `folder`."""
    return sum(len(files) for _, _, files in os.walk(folder))


def first_commit() -> str:
    """Make a repository with one commit; return what the user should know of it, if anything."""
    import subprocess

    environment = {key: value for key, value in os.environ.items() if key not in GIT_PLACES}

    def git(*arguments: str) -> str:
        """Run git; return the last line of its complaint, "" if it has none."""
        done = subprocess.run(  # noqa: S603 - no shell, our own arguments
            ["git", *arguments],  # noqa: S607 - the user's git
            check=False,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        if not done.returncode:
            return ""
        said = done.stderr.decode(errors="replace").split("\n")
        return next((line for line in reversed(said) if line.strip()), "it failed")

    try:
        problem = git("-c", "init.defaultBranch=main", "init", "-q")
        template = os.path.join(
            ANSWERS["_repo_dir"], "{" * 2 + "cookiecutter.project_slug" + "}" * 2
        )
        if not problem and count_files(template) < count_files(HERE) - count_files(".git"):
            return "The folder held files of yours: git is set up, the first commit is left to you."
        problem = problem or git(*QUICK, "-c", "core.safecrlf=false", "add", "-A")
        if not problem:
            commit = ("commit", "-q", "-m", "Start from aml-template")
            problem = git(*STEADY, "-c", "user.useConfigOnly=true", *commit)
            if problem:  # no identity yet
                problem = git(*STEADY, *NOBODY, *commit)
    except OSError as error:
        return "" if isinstance(error, FileNotFoundError) else f"No first commit: {error}."
    return f"No first commit, git says: {problem}" if problem else ""


def shown(path: str) -> str:
    """Return the path as a shell takes it."""
    if all(character.isalnum() or character in "/\\:._-" for character in path):
        return path
    return f'"{path}"' if os.name == "nt" else "'" + path.replace("'", "'\\''") + "'"


def here() -> str:
    """Return this folder as `cd` takes it where the user stands."""
    started_in = os.environ.get("PWD", "")
    inside = started_in and os.path.dirname(HERE) == os.path.realpath(started_in)
    return shown(os.path.basename(HERE) if inside else HERE)


def next_steps() -> str:
    """Return what to type now."""
    posix = "  make setup\n  .venv/bin/python src/model.py --local"
    windows = (
        "  uv venv --python 3.11\n  uv pip sync requirements-dev.txt\n"
        "  .venv\\Scripts\\python src\\model.py --local"
    )
    first, other = (windows, posix) if os.name == "nt" else (posix, windows)
    where = "On Linux and macOS" if os.name == "nt" else "On Windows"
    return (
        f"\nYour repository is ready. A first model, with no Azure:\n\n"
        f"  cd {here()}\n{first}\n\n"
        f"{where}, after cd:\n\n{other}\n"
    )


def bootstrap() -> None:
    """Make in Azure what was asked for; the last line says how to go on, whatever happens."""
    import subprocess

    command = ["infra/bootstrap.py", "apply"]
    terminal = sys.stdin.isatty() and sys.stdout.isatty()  # there it shows the plan, and asks
    if terminal or TYPED == "yes":
        print("\nNow Azure:\n", flush=True)
        try:
            subprocess.call([sys.executable, *command, *([] if terminal else ["--yes"])])  # noqa: S603
        except KeyboardInterrupt:
            print("\ninterrupted")
        except OSError as error:
            print(f"Azure was not begun: {error}")
    else:
        print("\nNothing was made in Azure: there is no terminal to ask on.")
    print(f"To go on in Azure, after cd {here()}:  python {' '.join(command)}", flush=True)


def main() -> None:
    """Do what is left once every file stands."""
    notes = []
    ours = "_output_dir" in ANSWERS
    if ours:
        if not surrounded():
            notes.append(first_commit())
    else:
        import tempfile

        if HERE.startswith(os.path.realpath(tempfile.gettempdir())):
            return  # cruft compares two renderings: nobody is to go there
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # a path may hold anything
    print(*filter(None, notes), next_steps(), sep="\n", end="")
    if ours and ANSWERS["bootstrap_azure"]:
        bootstrap()


main()
