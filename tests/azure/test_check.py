"""`make azure-check`: a look at the workspace that changes nothing and names nobody."""

from __future__ import annotations

import subprocess

from tests.azure.changes import changes
from tests.azure.conftest import AzureProject


def test_the_transcript_names_nobody(project: AzureProject) -> None:
    mark = project.standin.journal.mark()
    done = subprocess.run(
        [project.python, "-m", "amlkit.azureml_v1.check"],
        cwd=project.path,
        env=project.environment(),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    # No model is registered yet, which the check says; that is what it is for.
    assert done.returncode == 2, done.stdout + done.stderr
    text = (project.path / "azure-check.txt").read_text(encoding="utf-8")
    account = project.standin.account
    for secret in (
        account.client_secret,
        account.client_id,
        account.tenant_id,
        account.subscription_id,
        account.workspace_name,
        account.resource_group,
        account.storage_account,
    ):
        assert secret not in text
        assert secret not in done.stdout
    assert "azureml-core 1.61.0" in text
    assert text.count("$ python src/") == 4
    assert "would register" in text
    assert "would train on" in text
    assert "no model" in text
    assert "Adelie" not in text, "the table's values are the user's own"
    assert "Traceback" not in text
    assert changes(project.standin, mark) == []
