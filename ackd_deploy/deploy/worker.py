"""One worker process: BentoML's own, tied to the life of its supervisor.

python -m ackd_deploy.deploy.worker SUPERVISOR ARGUMENTS-OF-BENTOML'S-WORKER
"""

from __future__ import annotations

import sys

from ackd_deploy.serving.orphans import die_with_parent


def main() -> None:
    """Serve until SIGTERM."""
    die_with_parent(int(sys.argv.pop(1)))
    # Late: it takes most of a second, in which the supervisor may end.
    from _bentoml_impl.worker.service import main as serve  # type: ignore[import-untyped]

    serve()


if __name__ == "__main__":
    main()
