#!/bin/sh
# Prepare an installation before its services start: keys, roles and databases, migrations, topics. Safe to repeat.
# Settings: PGHOST, PGPORT, PGUSER, PGPASSWORD (superuser), the services' settings for Kafka, and
# INTERCLUSTER_SECRETS: the folder in which each service's own folder of secrets lies.
set -eu
umask 077
secrets=${INTERCLUSTER_SECRETS:-/run/intercluster}

python -m deploy.keys "$secrets/keys" "$secrets"
python -m deploy.databases "$secrets"
for service in profiles matching mobility notifier console; do
    INTERCLUSTER_DATABASE_URL_FILE="$secrets/$service/database.url" python -m "services.$service" migrate
    # The services run as an ordinary user; each sees only its own folder.
    if [ "$(id -u)" = 0 ]; then chown -R "${INTERCLUSTER_USER:-10001}" "$secrets/$service"; fi
done
python -m deploy.topics
