"""The runner: order, conditions, outputs, variables, secrets, tasks; each by a small pipeline."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.pipelines.conftest import Repository
from tests.pipelines.runner.checkout import git
from tests.pipelines.runner.errors import NotPlayed, PipelineError
from tests.pipelines.runner.line import Line
from tests.pipelines.runner.results import Run
from tests.pipelines.runner.service import Service
from tests.pipelines.runner.variables import Secret
from tests.pipelines.runner.watching import Watch

pytestmark = pytest.mark.slow  # each starts processes

POOL = "pool: {vmImage: ubuntu-24.04}\n"
PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"


@pytest.fixture
def service(repository: Repository, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Write a pipeline and its files, commit them: a service that runs them."""

    def made(main: str, files: dict[str, str] | None = None, **more: Any) -> Service:
        root = repository(**(files or {}))
        (root / "azure-pipelines.yml").write_text(POOL + main, encoding="utf-8")
        commit(root)
        folder = tmp_path_factory.mktemp("service")
        machine = {"PATH": os.environ["PATH"], "MACHINE": "hosted"}
        return Service(root, folder, machine, pythons={PYTHON: sys.executable}, **more)

    return made


def commit(root: Path) -> str:
    """Commit everything in a repository."""
    git(root, "init", "--quiet", "--initial-branch=main")
    git(root, "add", "--all")
    author = ("-c", "user.name=t", "-c", "user.email=t@example.com")
    git(root, *author, "commit", "--quiet", "--allow-empty", "-m", "change")
    return git(root, "rev-parse", "HEAD")


def lines(run: Run, stage: str = "__default", job: str = "Job") -> list[str]:
    """What the scripts of a job printed."""
    return [
        line
        for step in run.job(stage, job).steps
        if not step.log.startswith("checked out")
        for line in step.log.splitlines()
        if "##vso" not in line
    ]


def test_stage_to_stage_outputs_of_microsofts_page(service: Any) -> None:
    run = service("""
stages:
- stage: A
  jobs:
  - job: A1
    steps:
    - bash: echo "##vso[task.setvariable variable=shouldrun;isOutput=true]true"
      name: printvar
- stage: B
  condition: and(succeeded(), eq(dependencies.A.outputs['A1.printvar.shouldrun'], 'true'))
  dependsOn: A
  jobs:
  - job: B1
    condition: in(stageDependencies.A.A1.result, 'Skipped')
    steps: [{script: echo no}]
  - job: B2
    variables:
      found: $[ stageDependencies.A.A1.outputs['printvar.shouldrun'] ]
    condition: eq(stageDependencies.A.A1.outputs['printvar.shouldrun'], 'true')
    steps: [{script: echo found $(found) $FOUND}]
- stage: C
  condition: eq(dependencies.B.outputs['B2.none.none'], 'true')
  jobs: [{job: C1, steps: [{script: echo no}]}]
""").start()
    assert run.results == {"A": "Succeeded", "B": "Succeeded", "C": "Skipped"}
    assert run.job("B", "B1").result == "Skipped"
    assert lines(run, "B", "B2") == ["found true true"]


def test_a_deployment_jobs_outputs_bear_its_name(service: Any) -> None:
    run = service("""
stages:
- stage: build
  jobs:
  - deployment: build_job
    environment: Production
    strategy:
      runOnce:
        deploy:
          steps:
          - bash: |
              echo "##vso[task.setvariable variable=runTests;isOutput=true]true"
              ls -A
            name: setRunTests
- stage: test
  dependsOn: [build]
  condition: eq(dependencies.build.outputs['build_job.build_job.setRunTests.runTests'], 'true')
  jobs:
  - job: run_tests
    condition: eq(stageDependencies.build.build_job.outputs['build_job.setRunTests.runTests'], true)
    steps: [{script: echo ran}]
""").start()
    assert run.results == {"build": "Succeeded", "test": "Succeeded"}
    assert lines(run, "build", "build_job") == []  # nothing is checked out
    assert lines(run, "test", "run_tests") == ["ran"]


def test_what_was_skipped_indirectly_skips_what_asks_for_success(service: Any) -> None:
    """As MicrosoftDocs/azure-devops-docs#12616 found; not(failed()) is the way on."""
    run = service("""
stages:
- {stage: A, condition: false, jobs: [{job: a, steps: [{script: true}]}]}
- stage: B
  dependsOn: A
  condition: in(dependencies.A.result, 'Succeeded', 'Skipped')
  jobs: [{job: b, steps: [{script: true}]}]
- {stage: C, dependsOn: B, jobs: [{job: c, steps: [{script: true}]}]}
- stage: D
  dependsOn: C
  condition: and(not(failed()), not(canceled()))
  jobs: [{job: d, steps: [{script: true}]}]
""").start()
    assert list(run.results.values()) == ["Skipped", "Succeeded", "Skipped", "Succeeded"]
    assert run.result == "Succeeded"


def test_a_failure_is_seen_by_those_that_come_after(service: Any) -> None:
    run = service("""
stages:
- {stage: A, jobs: [{job: a, steps: [{script: exit 3, displayName: Break}]}]}
- {stage: B, jobs: [{job: b, steps: [{script: true}]}]}
- {stage: C, condition: failed(), jobs: [{job: c, steps: [{script: true}]}]}
- {stage: D, dependsOn: A, condition: failed('A'), jobs: [{job: d, steps: [{script: true}]}]}
- {stage: E, dependsOn: C, condition: succeeded('C'), jobs: [{job: e, steps: [{script: true}]}]}
""").start()
    assert list(run.results.values()) == [
        "Failed",
        "Skipped",
        "Succeeded",
        "Succeeded",
        "Succeeded",
    ]
    assert run.result == "Failed"
    assert run.stages["A"].reason == "Break: exit code 3"


def test_a_canceled_run(service: Any) -> None:
    made = service("""
stages:
- {stage: A, jobs: [{job: a, steps: [{script: true}]}]}
- {stage: B, jobs: [{job: b, steps: [{script: true}]}]}
- {stage: C, condition: not(canceled()), jobs: [{job: c, steps: [{script: true}]}]}
- stage: D
  condition: always()
  jobs:
  - {job: d, condition: always(), steps: [{script: true}]}
  - {job: e, steps: [{script: true}]}
""")
    run = made.start(cancel_at="B")
    assert list(run.results.values()) == ["Succeeded", "Canceled", "Skipped", "Succeeded"]
    assert run.job("D", "e").result == "Skipped"
    assert run.result == "Canceled"


def test_steps_by_the_state_of_their_job(service: Any) -> None:
    run = service("""
steps:
- {script: echo one}
- {script: "echo tolerated; exit 1", continueOnError: true}
- {script: echo two}
- {script: "echo breaks; exit 1"}
- {script: echo never}
- {script: echo failed, condition: failed()}
- {script: echo both, condition: succeededOrFailed()}
- {script: echo always, condition: always()}
- {script: echo off, condition: always(), enabled: false}
- {script: echo canceled, condition: canceled()}
""").start()
    assert lines(run) == ["one", "tolerated", "two", "breaks", "failed", "both", "always"]
    results = [step.result for step in run.job("__default", "Job").steps]
    assert results[2] == "SucceededWithIssues"
    assert run.result == "Failed"


def test_a_script_goes_on_after_a_line_that_fails(service: Any) -> None:
    """As the agent's bash: the exit code is that of the last line."""
    run = service("steps:\n- bash: |\n    false\n    echo on\n").start()
    assert (lines(run), run.result) == (["on"], "Succeeded")


def test_variables_of_all_scopes_and_their_order(service: Any) -> None:
    run = service("""
variables:
- {name: one, value: root}
- {name: two, value: "$(one)-two"}
- {name: runtime, value: "$[ format('{0}!', variables.two) ]"}
- {name: folder.name, value: dotted}
stages:
- stage: A
  variables: {one: stage}
  jobs:
  - job: a
    variables: {three: "$[ variables.one ]"}
    steps:
    - script: echo $(one) $(TWO) $(runtime) $(three) $FOLDER_NAME $MACHINE $(date +%Y >/dev/null)
    - script: |
        echo "##vso[task.setvariable variable=one]step"
        echo before $(one) $ONE
    - script: echo after $(one) $ONE
""").start()
    assert lines(run, "A", "a") == [
        "stage stage-two root-two! stage dotted hosted",
        "before stage stage",
        "after step step",
    ]


def test_a_macro_without_its_variable_stays_and_is_told(service: Any) -> None:
    run = service("""
steps:
- {script: 'echo "$X" ''$(nothing)'' $(echo shell)', env: {X: $(group.variable)}}
""").start()
    assert lines(run)[0].endswith("shell")
    assert "$(group.variable)" in lines(run)[0]
    assert run.unknown == [
        "azure-pipelines.yml:4: script: $(nothing)",
        "azure-pipelines.yml:4: env X: $(group.variable)",
    ]


def test_secrets_are_seen_where_they_are_mapped_and_nowhere_else(service: Any) -> None:
    run = service(
        """
variables:
- group: vars
steps:
- script: env | grep -c -e s3cr3t -e open-value
- script: |
    echo "mapped $MINE, plain $PLAIN"
    echo "$MINE" | rev
  env: {MINE: $(Secret)}
- script: |
    value=$(printf '%s-%s' made here)
    echo "##vso[task.setvariable variable=made;issecret=true]$value"
    echo "$value is masked"
- script: 'echo "${MADE:-not there} $OWN"'
  env: {OWN: $(made)}
- {script: 'echo "x$TOKEN"', env: {TOKEN: $(System.AccessToken)}}
""",
        groups={"vars": {"Secret": Secret("s3cr3t-value"), "Plain": "open-value"}},
    ).start()
    assert lines(run) == [
        "1",
        "mapped ***, plain open-value",
        "eulav-t3rc3s",
        "*** is masked",
        "not there ***",
        "x***",
    ]
    assert run.leaks == []


def test_a_secret_in_a_file_is_found(service: Any) -> None:
    run = service(
        "variables: [{group: vars}]\nsteps: [{script: 'echo $X > kept', env: {X: $(Secret)}}]",
        groups={"vars": {"Secret": Secret("s3cr3t-value")}},
    ).start()
    assert run.leaks == ["work/1/s/kept"]


def test_logging_commands(service: Any) -> None:
    run = service("""
steps:
- script: |
    echo "##vso[task.logissue type=warning]look%3B here"
    echo "##vso[task.complete result=SucceededWithIssues;]done"
    mkdir bin && printf '#!/bin/sh\\necho own tool' > bin/tool && chmod +x bin/tool
    echo "##vso[task.prependpath]$PWD/bin"
    echo '# Summary' > page.md
    echo "##vso[task.uploadsummary]$PWD/page.md"
    echo "##vso[build.addbuildtag]tagged"
    echo "##vso[build.updatebuildnumber]42"
- script: tool
""").start()
    assert run.result == "SucceededWithIssues"
    assert run.steps[1].issues[0].text == "look; here"
    assert lines(run) == ["own tool"]
    assert (run.summaries, run.tags, run.number) == (["# Summary\n"], ["tagged"], "42")


def test_checkout_brings_the_commit_and_as_much_history_as_asked_for(service: Any) -> None:
    made = service("""
steps:
- checkout: self
  fetchDepth: ${{ variables['Build.SourceBranchName'] }}
- script: git log --format=%s | wc -l; cat word
""")
    first = git(made.repository, "rev-parse", "HEAD")
    for word in ("two", "three"):
        (made.repository / "word").write_text(word)
        commit(made.repository)
    assert lines(made.start(branch="refs/heads/1")) == ["1", "three"]
    assert lines(made.start(branch="refs/heads/0")) == ["3", "three"]
    assert lines(made.start(branch="refs/heads/0", commit=first))[0] == "1"


def test_an_agent_of_ones_own_keeps_its_folder(service: Any) -> None:
    main = """
jobs:
- {job: a, pool: own, steps: [{script: 'ls kept; touch kept; cat word'}]}
- {job: b, dependsOn: a, pool: {name: own}, steps: [{script: 'ls kept; cat word'}]}
"""
    made = service(main, {"word": "one\n"})
    assert lines(made.start(), job="a")[-1] == "one"
    (made.repository / "word").write_text("two\n")
    commit(made.repository)
    assert lines(made.start(), job="a") == ["kept", "two"]
    assert lines(made.start(), job="b") == ["kept", "two"]


def test_approvals(service: Any) -> None:
    main = """
jobs:
- deployment: a
  environment: {name: prod}
  strategy: {runOnce: {deploy: {steps: [{script: echo deployed}]}}}
"""
    assert service(main).start().result == "Succeeded"
    assert service(main, approvals={"prod": True}).start().result == "Succeeded"
    rejected = service(main, approvals={"prod": False}).start()
    assert (rejected.result, rejected.steps) == ("Failed", [])
    assert rejected.stages["__default"].reason == "prod: the approval was rejected"


def test_hooks_of_a_deployment(service: Any) -> None:
    main = """
jobs:
- deployment: a
  environment: prod
  strategy:
    runOnce:
      deploy:
        steps:
        - script: exit ${{ variables['Build.SourceBranchName'] }}
      on:
        failure: {steps: [{script: echo failure}]}
        success: {steps: [{script: echo success}]}
"""
    made = service(main)
    assert lines(made.start(branch="refs/heads/0"), job="a") == ["success"]
    failed = made.start(branch="refs/heads/1")
    assert (lines(failed, job="a"), failed.result) == (["failure"], "Failed")


def test_time_limits(service: Any) -> None:
    run = service(
        """
jobs:
- job: step
  steps:
  - {script: sleep 30, timeoutInMinutes: 1}
  - {script: echo on, condition: failed()}
- job: whole
  timeoutInMinutes: 1
  steps:
  - {script: sleep 30}
  - {script: echo not, condition: succeededOrFailed()}
  - {script: echo end, condition: always()}
""",
        minute=0.5,
    ).start()
    assert (run.job("__default", "step").result, lines(run, job="step")) == ("Failed", ["on"])
    assert run.job("__default", "whole").result == "Canceled"
    assert run.job("__default", "whole").reason == "ran longer than 1 minutes"


def test_what_a_job_leaves_running_is_ended(service: Any) -> None:
    run = service("steps: [{script: 'setsid sleep 300 >/dev/null 2>&1 & echo $!'}]").start()
    left, until = Path(f"/proc/{lines(run)[0]}"), time.monotonic() + 5
    while left.exists() and time.monotonic() < until:  # killed, and not yet waited for
        time.sleep(0.05)
    assert not left.exists()


def test_artifacts(service: Any) -> None:
    run = service("""
jobs:
- job: a
  steps:
  - script: mkdir out && echo text > out/file
  - task: PublishPipelineArtifact@1
    inputs: {targetPath: "$(Build.SourcesDirectory)/out", artifact: made}
  - {publish: out/file, artifact: one, condition: always()}
- job: b
  dependsOn: a
  steps:
  - {download: current, artifact: made}
  - task: DownloadPipelineArtifact@2
    inputs: {artifact: one, targetPath: here}
  - script: cat $(Pipeline.Workspace)/made/file here/file
- job: c
  dependsOn: b
  steps: [{publish: azure-pipelines.yml, artifact: made}]
""").start()
    assert lines(run, job="b")[-2:] == ["text", "text"]
    assert (run.artifacts / "made" / "file").read_text() == "text\n"
    assert "already exists" in run.job("__default", "c").reason


CACHED = """
steps:
- task: Cache@2
  inputs:
    key: kept | "$(Agent.OS)" | lock-*.txt
    restoreKeys: kept | "$(Agent.OS)"
    path: $(Pipeline.Workspace)/kept
    cacheHitVar: HIT
- script: |
    echo $(HIT)
    mkdir -p $(Pipeline.Workspace)/kept && cd $(Pipeline.Workspace)/kept
    touch file-$(Build.BuildId) && ls
"""


def test_a_cache_is_found_by_key_by_restore_key_and_not_saved_by_a_failed_job(
    service: Any,
) -> None:
    made = service(CACHED, {"lock-a.txt": "1"})
    assert lines(made.start())[1:] == ["false", "file-1"]
    assert lines(made.start())[1:] == ["true", "file-1", "file-2"]
    (made.repository / "lock-a.txt").write_text("2")
    commit(made.repository)
    assert lines(made.start())[1:] == ["inexact", "file-1", "file-3"]
    (made.repository / "lock-a.txt").write_text("3")
    (made.repository / "azure-pipelines.yml").write_text(f"{POOL}{CACHED}- script: exit 1\n")
    commit(made.repository)
    assert lines(made.start())[1:3] == ["inexact", "file-1"]
    assert lines(made.start())[1] == "inexact"


def test_a_key_without_its_files_fails(service: Any) -> None:
    assert "no file matches" in service(CACHED).start().stages["__default"].reason


def test_a_python_of_ones_own(service: Any) -> None:
    run = service(f"""
steps:
- task: UsePythonVersion@0
  inputs: {{versionSpec: "{PYTHON}"}}
- script: python -c "import sys, pip; print(sys.prefix, sys.version_info[1])"
- task: UsePythonVersion@0
  inputs: {{versionSpec: "2.7"}}
""").start()
    prefix, minor = lines(run)[1].split()
    assert prefix.endswith("/_tool/python")
    assert minor == PYTHON.split(".")[1]
    assert "2.7 did not match" in run.stages["__default"].reason


JUNIT = """<testsuites><testsuite><testcase name="a"/><testcase name="b"><failure/></testcase>
<testcase name="c"><skipped/></testcase></testsuite></testsuites>"""


@pytest.mark.parametrize(
    ("inputs", "files", "reason"),
    [
        ("", {"r.xml": JUNIT}, ""),
        ("failTaskOnFailedTests: true", {"r.xml": JUNIT}, "1 tests failed"),
        ("failTaskOnMissingResultsFile: true", {}, "no test result files"),
        ("", {"r.xml": "<broken"}, "r.xml: "),
    ],
)
def test_results_of_tests(service: Any, inputs: str, files: dict[str, str], reason: str) -> None:
    run = service(
        f"""
steps:
- task: PublishTestResults@2
  inputs:
    testResultsFormat: JUnit
    testResultsFiles: "*.xml"
    {inputs}
""",
        files,
    ).start()
    assert reason in run.stages["__default"].reason
    if not reason:
        assert run.tests == {"total": 3, "failed": 1, "skipped": 1}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('<coverage line-rate="0.8"/>', ""),
        ("<report/>", "is not Cobertura"),
        ("", "no coverage results"),
    ],
)
def test_coverage(service: Any, text: str, reason: str) -> None:
    run = service(
        """
steps:
- task: PublishCodeCoverageResults@2
  inputs: {summaryFileLocation: coverage.xml, failIfCoverageEmpty: true}
""",
        {"coverage.xml": text} if text else {},
    ).start()
    assert reason in run.stages["__default"].reason
    assert run.line_coverage == (None if reason else 0.8)


@pytest.mark.parametrize(
    ("main", "words"),
    [
        ("steps: [{script: a, nonsense: b}]", "key 'nonsense' of a script step"),
        ("steps: [{powershell: a}]", "a step with powershell"),
        ("steps: [{task: Nonsense@1}]", "task Nonsense@1"),
        ("steps: [{task: Cache@2, inputs: {key: a, path: b, other: c}}]", "input other of Cache@2"),
        ("jobs: [{job: a, strategy: {matrix: {}}, steps: [{script: a}]}]", "key 'strategy'"),
        ("resources: {}\nsteps: [{script: a}]", "key 'resources' of a pipeline"),
        ("steps: [{script: 'echo \"##vso[task.nonsense]\"'}]", "logging command task.nonsense"),
        ("steps: [{script: a, condition: \"counter('a', 1)\"}]", "counter"),
        ("steps: [{script: a, failOnStderr: true}]", "failOnStderr of a script"),
        ("steps: [{checkout: other}]", "checkout of other"),
        ("steps: [{checkout: self, clean: true}]", "input clean of checkout"),
        ("variables: [{name: a, value: b, readonly: true}]\nsteps: [{script: a}]", "'readonly'"),
        ("jobs: [{job: a, pool: {vmImage: x, demands: y}, steps: [{script: a}]}]", "pool"),
    ],
)
def test_what_is_not_played_is_refused(service: Any, main: str, words: str) -> None:
    with pytest.raises(NotPlayed, match=words.replace("(", r"\(")):
        service(main).start()


@pytest.mark.parametrize(
    ("main", "words"),
    [
        ("variables: [{group: none}]\nsteps: [{script: a}]", "variable group none was not found"),
        ("stages: [{stage: a, jobs: [{job: b, dependsOn: c, steps: [{script: a}]}]}]", "'c'"),
        ("stages: []\njobs: []", "one of stages, jobs and steps"),
        ("jobs: [{job: a, steps: []}]", "a job without steps"),
        ("jobs: [{job: a b, steps: [{script: a}]}]", "letters, digits and _"),
        ("jobs: [{job: a, steps: [{script: a}]}, {job: a, steps: [{script: a}]}]", "twice"),
        ("steps: [{script: a, condition: nonsense}]", "unrecognised 'nonsense'"),
        ("steps: [{script: a, condition: eq(1}]", "expected ','"),
        ("jobs: [{job: a, condition: dependencies.b.result, steps: [{script: a}]}]", "'b'"),
        ("steps: [{task: Cache@2, inputs: {key: a}}]", "needs the input path"),
        ("variables: {a: $(b), b: $(a)}\nsteps: [{script: echo $(a)}]", "refer to one another"),
        ("variables: {a: 'x $[ 1 ]'}\nsteps: [{script: a}]", "stands alone"),
        (
            "steps: [{script: 'echo \"##vso[task.setvariable variable=a;isOutput=true]b\"'}]",
            "an output needs a step with a name",
        ),
        ("jobs: [{job: a, pool: {vmImage: ubuntu-latest}, steps: [{script: a}]}]", "not pinned"),
        ("jobs: [{deployment: a, strategy: {runOnce: {}}}]", "without steps"),
    ],
)
def test_what_the_service_refuses(service: Any, main: str, words: str) -> None:
    with pytest.raises(PipelineError, match=words):
        service(main).start()


def test_a_cycle_is_refused(service: Any) -> None:
    job = "{job: NAME, dependsOn: OTHER, steps: [{script: a}]}"
    jobs = [job.replace("NAME", a).replace("OTHER", b) for a, b in ("ab", "ba")]
    with pytest.raises(PipelineError, match="jobs depend on one another: a, b"):
        service(f"jobs: [{', '.join(jobs)}]").start()


def test_success_or_failure_after_something_skipped_is_refused(service: Any) -> None:
    """Microsoft's page and its users differ: MicrosoftDocs/azure-devops-docs#12846."""
    with pytest.raises(PipelineError, match="unclear"):
        service("""
stages:
- {stage: A, condition: false, jobs: [{job: a, steps: [{script: true}]}]}
- {stage: B, condition: succeededOrFailed(), jobs: [{job: b, steps: [{script: true}]}]}
""").start()


def test_what_was_met_is_counted(service: Any) -> None:
    made = service("""
variables: {a: "$[ 1 ]"}
steps:
- {script: "true", condition: "eq(variables.a, 2)"}
- {script: "true", condition: "eq(variables.a, 1)"}
""")
    made.start()
    counts = made.coverage.counts()
    assert (counts["steps"], counts["conditions"]) == ((1, 2), (2, 2))
    assert counts["runtime expressions"] == (1, 1)
    assert made.coverage.missed("steps") == ["azure-pipelines.yml:5"]


TWICE = """
stages:
- stage: A
  lockBehavior: BEHAVIOR
  jobs:
  - deployment: a
    environment: prod
    strategy: {runOnce: {deploy: {steps: [{script: "true"}]}}}
"""


@pytest.mark.parametrize(
    ("behavior", "second"), [("runLatest", "Canceled"), ("sequential", "Succeeded")]
)
def test_runs_that_wait_for_a_lock(service: Any, behavior: str, second: str) -> None:
    """As Microsoft's page on checks has it: the latest alone, or all in their order."""
    line = Line(service(TWICE.replace("BEHAVIOR", behavior), locks={"prod"}))
    runs = [line.begin()]
    assert line.advance(runs[0]) == "holds A"
    runs += [line.begin(), line.begin()]
    assert [line.advance(run) for run in runs[1:]] == ["waits A", "waits A"]
    assert line.advance(runs[0]) == "done"
    if behavior == "sequential":
        assert line.advance(runs[2]) == "waits A"
        assert line.advance(runs[1]) == "holds A"
    else:
        assert line.advance(runs[1]) == "done"
    assert [line.finish(run).result for run in runs] == ["Succeeded", second, "Succeeded"]


def test_a_pipeline_of_jobs_says_how_its_lock_is_waited_for(service: Any) -> None:
    jobs = TWICE.partition("  jobs:\n")[2]
    made = service(f"lockBehavior: sequential\njobs:\n{jobs}", locks={"prod"})
    line = Line(made)
    runs = [line.begin(), line.begin(), line.begin()]
    assert [line.advance(run) for run in runs] == ["holds __default", *["waits __default"] * 2]
    assert [line.finish(run).result for run in runs] == ["Succeeded"] * 3


def test_without_a_lock_nobody_waits(service: Any) -> None:
    line = Line(service(TWICE.replace("BEHAVIOR", "runLatest")))
    runs = [line.begin() for _ in range(2)]
    assert [line.advance(run) for run in runs] == ["holds A", "holds A"]


@pytest.mark.parametrize(("batch", "runs"), [("true", 2), ("false", 3)])
def test_batch(service: Any, batch: str, runs: int) -> None:
    made = service(
        f"trigger: {{batch: {batch}, branches: {{include: [main]}}}}\n"
        + TWICE.replace("BEHAVIOR", "sequential")
    )
    line, head = Line(made), git(made.repository, "rev-parse", "HEAD")
    for _ in range(3):
        line.push(head, ["a"])
    for going in line.going:  # which grows by the one that batch held back
        line.finish(going)
    assert len(line.going) == runs


def test_what_is_left_out_by_hand_is_skipped(service: Any) -> None:
    run = service("""
stages:
- {stage: A, jobs: [{job: a, steps: [{script: "true"}]}]}
- stage: B
  condition: in(dependencies.A.result, 'Skipped')
  jobs: [{job: b, steps: [{script: "true"}]}]
""").start(left_out=("A",))
    assert (run.results, run.agent_jobs) == ({"A": "Skipped", "B": "Succeeded"}, ["B.b"])


def test_a_job_canceled_alone_is_neither_failed_nor_canceled_for_the_next(service: Any) -> None:
    """Azure/ResourceModules#3579: deny-lists let through what they did not think of."""
    run = service("""
stages:
- {stage: A, jobs: [{job: a, steps: [{script: "true"}]}]}
- {stage: B, jobs: [{job: b, steps: [{script: "true"}]}]}
- stage: C
  dependsOn: A
  condition: and(not(failed()), not(canceled()))
  jobs: [{job: c, steps: [{script: "true"}]}]
""").start(lost={"A.a": "Canceled"})
    assert run.results == {"A": "Canceled", "B": "Skipped", "C": "Succeeded"}


def test_a_run_that_is_canceled_while_a_step_goes_on(service: Any) -> None:
    run = service("""
stages:
- stage: A
  jobs:
  - job: a
    steps:
    - {script: "echo begun; sleep 30", name: slow}
    - {script: echo not}
    - {script: echo end, condition: always()}
- {stage: B, jobs: [{job: b, steps: [{script: "true"}]}]}
""").start(cancel_at="A.slow", cancel_when=lambda: True)
    assert (run.result, run.results) == ("Canceled", {"A": "Canceled", "B": "Skipped"})
    assert lines(run, "A", "a")[-1] == "end"


def test_an_environment_that_is_missing_is_not_made(service: Any) -> None:
    made = service(TWICE.replace("BEHAVIOR", "runLatest"), environments=set())
    with pytest.raises(PipelineError, match="environment prod could not be found"):
        made.start()


FEDERATED = """
variables: [{group: vars}]
steps:
- task: AzureCLI@2
  name: driver
  inputs:
    azureSubscription: azure
    scriptType: bash
    scriptLocation: inlineScript
    inlineScript: |
      echo "$AZURESUBSCRIPTION_CLIENT_ID, token ${#SYSTEM_ACCESSTOKEN}, secret ${SECRET:-none}"
      echo "##vso[task.setvariable variable=x;isOutput=true]1"
  env: {SYSTEM_ACCESSTOKEN: $(System.AccessToken)}
"""


def test_a_step_that_is_signed_in_by_federation(service: Any) -> None:
    """AzureCLI@2 says who it is, and the step has no secret but its own token."""
    made = service(
        FEDERATED,
        groups={"vars": {"Secret": Secret("s3cr3t-value")}},
        connections={"azure": {"AZURESUBSCRIPTION_CLIENT_ID": "an-id"}},
    )
    run = made.start()
    assert lines(run) == [f"an-id, token {len(made.access_token)}, secret none"]
    assert run.job("__default", "Job").outputs == {"driver.x": "1"}
    made.connections.clear()
    with pytest.raises(PipelineError, match="service connection azure could not be found"):
        made.start()


def test_an_agent_of_ones_own_has_no_tool_cache(service: Any) -> None:
    run = service(f"""
jobs:
- job: own
  pool: {{name: own}}
  steps:
  - task: UsePythonVersion@0
    condition: and(succeeded(), ne(variables['Agent.IsSelfHosted'], '1'))
    inputs: {{versionSpec: "{PYTHON}"}}
  - script: echo on
  - task: UsePythonVersion@0
    inputs: {{versionSpec: "{PYTHON}"}}
""").start()
    results = [step.result for step in run.steps]
    assert results == ["Succeeded", "Skipped", "Succeeded", "Failed"]
    assert "did not match" in run.stages["__default"].reason


def test_a_secret_in_an_argument_or_in_another_variable_is_seen() -> None:
    secret = "s3cr3t-value"
    waits = ["bash", "-c", "read -t 1"]
    started: list[tuple[list[str], dict[str, str]]] = [
        (waits, {"SPN_PASSWORD": secret}),  # as a driver's step has it
        (["sleep", "1"], {"SPN_PASSWORD": secret}),
        (waits, {"LOGIN": f"user:{secret}"}),
        ([*waits, secret], {}),
    ]
    with Watch({secret}) as watch:
        path = os.environ["PATH"]
        processes = [
            subprocess.Popen(words, env={"PATH": path, **variables}, stdin=subprocess.PIPE)
            for words, variables in started
        ]
        for process in processes:
            process.wait()
    assert {"bash", "sleep"} <= watch.seen
    assert watch.found == {"SPN_PASSWORD of sleep", "LOGIN of bash", "argv of bash"}
