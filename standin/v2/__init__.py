"""The control plane of SDK v2 (azure-ai-ml): the resources below a workspace's ARM id.

Jobs are really executed, by the machinery that runs v1's: an environment's pip packages are
installed at their pins; **its conda part is not solved** (there is no solver to be had offline):
conda packages are swapped for pip's of that name, and the log of the job says which.
"""
