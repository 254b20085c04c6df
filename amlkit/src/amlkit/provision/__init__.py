"""What a repository needs in Azure and where its pipelines run: looked for, made and removed.

`plan/` is the table, `cloud/` how anything is asked, `pipelines/` the table of what pipelines need;
the modules here are the commands that work them off.
"""
