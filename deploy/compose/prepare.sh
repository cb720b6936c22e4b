#!/bin/sh
# Prepare an installation before its services start: keys, roles and databases, migrations, topics. Safe to repeat.
# Settings: PGHOST, PGPORT, PGUSER, PGPASSWORD (superuser), the services' settings for Kafka, and
# INTERCLUSTER_SECRETS: the folder in which each service's own folder of secrets lies.
set -eu
umask 077
secrets=${INTERCLUSTER_SECRETS:-/run/intercluster}

python -m deploy.keys "$secrets/keys" "$secrets"
python -m deploy.databases "$secrets"
python -m deploy.migrate "$secrets"
python -m deploy.topics
# The services run as an ordinary user; each sees only its own folder.
if [ "$(id -u)" = 0 ]; then
    for service in profiles matching mobility notifier console; do
        chown -R "${INTERCLUSTER_USER:-10001}" "$secrets/$service"
    done
fi
