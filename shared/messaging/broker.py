"""Connections to Kafka with pinned settings, and the broker epoch."""

import logging
import ssl
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from faststream.kafka import KafkaBroker
from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512

from shared.contracts.topics import EPOCH_TOPIC_PREFIX
from shared.settings import ServiceSettings

MAX_RECORD_BYTES = 1_000_000
REQUEST_TIMEOUT_MS = 10_000


def tls_context(settings: ServiceSettings) -> ssl.SSLContext | None:
    """Return the context for SSL and SASL_SSL, else ``None``."""
    if not settings.kafka_security_protocol.endswith("SSL"):
        return None
    root = settings.kafka_ssl_root_certificate
    return ssl.create_default_context(cafile=str(root) if root else None)


def client_arguments(settings: ServiceSettings) -> dict[str, Any]:
    """Return the connection arguments for plain aiokafka clients."""
    arguments: dict[str, Any] = {
        "bootstrap_servers": settings.kafka_bootstrap_servers,
        "security_protocol": settings.kafka_security_protocol,
        "request_timeout_ms": REQUEST_TIMEOUT_MS,
    }
    if context := tls_context(settings):
        arguments["ssl_context"] = context
    if settings.kafka_security_protocol.startswith("SASL"):
        password = settings.kafka_sasl_password
        arguments |= {
            "sasl_mechanism": settings.kafka_sasl_mechanism,
            "sasl_plain_username": settings.kafka_sasl_username,
            "sasl_plain_password": password.get_secret_value() if password else None,
        }
    return arguments


def faststream_security(settings: ServiceSettings) -> BaseSecurity | None:
    """Return FastStream's form of the same security settings."""
    context = tls_context(settings)
    use_ssl = context is not None
    if settings.kafka_security_protocol.startswith("SASL"):
        kinds = {"PLAIN": SASLPlaintext, "SCRAM-SHA-256": SASLScram256, "SCRAM-SHA-512": SASLScram512}
        password = settings.kafka_sasl_password.get_secret_value() if settings.kafka_sasl_password else ""
        return kinds[settings.kafka_sasl_mechanism](
            username=settings.kafka_sasl_username or "", password=password, ssl_context=context, use_ssl=use_ssl
        )
    return BaseSecurity(ssl_context=context, use_ssl=True) if use_ssl else None


def make_producer(settings: ServiceSettings) -> AIOKafkaProducer:
    """Return the relay's producer: ``acks=all``, idempotent on Apache Kafka (the embedded broker can't)."""
    return AIOKafkaProducer(
        **client_arguments(settings),
        acks="all",
        enable_idempotence=settings.kafka_profile == "kafka",
        linger_ms=2,
        max_request_size=MAX_RECORD_BYTES,
        max_batch_size=256_000,
    )


def make_broker(settings: ServiceSettings) -> KafkaBroker:
    """Return a FastStream broker that never creates topics by itself."""
    return KafkaBroker(
        settings.kafka_bootstrap_servers.split(","),
        security=faststream_security(settings),
        request_timeout_ms=REQUEST_TIMEOUT_MS,
        allow_auto_create_topics=False,
        apply_types=False,
        graceful_timeout=10.0,
        logger=logging.getLogger("faststream"),
    )


class EpochLookup:
    """Reads the broker epoch: the name of the marker topic that is created after all others.

    A broker that comes back empty has no marker (or a new one), which one metadata request tells; no consumer
    position is involved that could itself be out of date.
    """

    def __init__(self, settings: ServiceSettings) -> None:
        self._settings = settings
        self._admin: AIOKafkaAdminClient | None = None

    async def current(self) -> str | None:
        """Return the epoch, or ``None`` when the broker is away or its topics are not there yet."""
        try:
            if self._admin is None:
                self._admin = AIOKafkaAdminClient(**client_arguments(self._settings))
                await self._admin.start()
            markers = [name for name in await self._admin.list_topics() if name.startswith(EPOCH_TOPIC_PREFIX)]
        except Exception:  # noqa: BLE001 - whatever the client raises, the broker is not usable now
            await self.close()
            return None
        return min(markers).removeprefix(EPOCH_TOPIC_PREFIX) if markers else None

    async def close(self) -> None:
        """Drop the connection."""
        admin, self._admin = self._admin, None
        if admin:
            try:
                await admin.close()
            except Exception:  # noqa: BLE001 - it is being thrown away
                return
