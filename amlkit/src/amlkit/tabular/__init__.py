"""The model: tables, features, evaluation, training, figures. Knows nothing of Azure."""

import os

# OpenMP's threads spin only shortly while they wait: where others want the processor too, a fit is
# several times faster, and where nobody does it costs nothing (OMP_WAIT_POLICY=PASSIVE does). It is
# read once, when scikit-learn is imported, so it is set before any module that does.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
