"""Container health check: exit status 0 when the service in this container is ready (``/health/ready`` says 200)."""

import os
import sys
import urllib.error
import urllib.request


def main() -> int:
    """Ask the service on INTERCLUSTER_HTTP_PORT of this machine."""
    url = f"http://127.0.0.1:{os.environ.get('INTERCLUSTER_HTTP_PORT', '8000')}/health/ready"
    try:
        with urllib.request.urlopen(url, timeout=3) as answer:
            return 0 if answer.status == 200 else 1
    except (urllib.error.URLError, OSError):
        return 1


if __name__ == "__main__":
    sys.exit(main())
