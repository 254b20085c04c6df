"""What the service's wrapper does in a job: runs the user's script, then sends what it logged.

Started by the job's own interpreter as a file: `python job_runner.py SCRIPT ARGUMENTS`. Without
the flush, metrics of `Run.log` that still wait in the client's queue are lost when the script ends.
"""

import os
import runpy
import signal
import sys
import threading


def main() -> None:
    """Runs the script as `__main__`; its exit code and its exception are left as they are."""
    pipe = os.dup(0)  # held open by the stand-in; the script has no input, as on Azure ML
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    threading.Thread(target=end_with_standin, args=(pipe,), daemon=True).start()
    del sys.argv[0]
    script = sys.argv[0]
    sys.path[0] = os.path.dirname(os.path.abspath(script))
    try:
        runpy.run_path(script, run_name="__main__")
    finally:
        core = sys.modules.get("azureml.core.run")
        if core is not None:
            core.Run.get_context().flush()


def end_with_standin(pipe: int) -> None:
    """Ends the job's processes when the stand-in is gone."""
    while os.read(pipe, 1024):
        pass
    if os.name == "nt":
        os._exit(1)
    os.killpg(0, signal.SIGTERM)


if __name__ == "__main__":
    main()
