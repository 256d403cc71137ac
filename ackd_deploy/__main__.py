"""``python -m ackd_deploy``: the same as the ``ackd-deploy`` command, for launchers such as torchrun."""

from ackd_deploy.cli import main

if __name__ == "__main__":
    main()
