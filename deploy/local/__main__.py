"""``python -m deploy.local`` is the command line ``intercluster``."""

from deploy.local.cli import main

if __name__ == "__main__":
    main()
