"""PostgreSQL, brokers and mailbox as one machine runs them."""

import os
import smtplib
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from pathlib import Path

import pytest
import yaml

from deploy import topics
from deploy.local.broker import ApacheKafka, Broker, EmbeddedBroker, require_kafka
from deploy.local.postgres import Postgres
from deploy.local.process import StartError, free_port, run_apart
from shared.contracts.topics import TOPICS
from tests.conftest import kafka_home
from tests.support.mailbox import MailboxProcess


def epoch(broker: Broker) -> str:
    return run_apart(lambda: topics.ensure_topics({"bootstrap_servers": broker.bootstrap}))


def test_postgres_keeps_its_rows_through_kill_and_through_a_stale_pid_file(tmp_path: Path) -> None:
    server = Postgres(tmp_path / "postgres", durable=False)
    server.start()
    server.create_database("notes", "author")
    server.sql("CREATE TABLE note AS SELECT 42 AS n", database="notes")
    server.kill()
    # The pid of the killed server may have been given to somebody else since: here, to this test.
    (server.data / "postmaster.pid").write_text(f"{os.getpid()}\n{server.data}\n")
    server.start()
    assert server.sql("SELECT n FROM note", database="notes") == "42"
    server.stop()
    assert not (server.data / "postmaster.pid").exists()


def test_postgres_takes_over_from_a_server_that_a_dead_launcher_left(tmp_path: Path) -> None:
    left = Postgres(tmp_path / "postgres", durable=False)
    left.start()
    taking_over = Postgres(tmp_path / "postgres", port=left.port, durable=False)
    taking_over.start()
    assert not left.process.alive
    assert taking_over.sql("SELECT 1") == "1"
    taking_over.stop()


def test_postgres_on_a_busy_port_takes_another(tmp_path: Path, postgres: Postgres) -> None:
    second = Postgres(tmp_path / "postgres", port=postgres.port, durable=False)
    second.start()
    assert second.port != postgres.port
    second.stop()


def test_a_service_cannot_enter_the_database_of_another(postgres: Postgres) -> None:
    postgres.create_database("own_of_first", "first_service")
    postgres.create_database("own_of_second", "second_service")
    with pytest.raises(StartError, match="permission denied for database"):
        postgres.run("psql", "-c", "SELECT 1", postgres.url("own_of_first", "second_service", driver="postgresql"))
    for name in ("own_of_first", "own_of_second"):
        postgres.drop_database(name)


def test_postgres_is_readable_by_its_owner_only(postgres: Postgres) -> None:
    assert (postgres.folder / "password").stat().st_mode & 0o077 == 0
    assert postgres.data.stat().st_mode & 0o077 == 0


def test_topics_are_made_once_and_the_epoch_stays(broker: Broker) -> None:
    assert epoch(broker) == epoch(broker)


def test_the_embedded_broker_comes_back_empty_with_a_new_epoch(tmp_path: Path) -> None:
    broker = EmbeddedBroker(tmp_path / "broker.log")
    broker.start()
    first = epoch(broker)
    broker.kill()
    broker.start()
    assert epoch(broker) != first
    broker.stop()


@pytest.mark.kafka
@pytest.mark.skipif(not kafka_home(), reason="KAFKA_HOME names no Apache Kafka")
def test_apache_kafka_killed_comes_back_with_its_topics(tmp_path: Path) -> None:
    broker = ApacheKafka(Path(kafka_home() or ""), tmp_path / "data", tmp_path / "broker.log")
    broker.start()
    first = epoch(broker)
    broker.kill()
    broker.start()
    assert epoch(broker) == first
    broker.stop()


def test_a_folder_that_is_no_kafka_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"bin/kafka-storage\.sh is missing"):
        require_kafka(tmp_path)


def test_the_committed_topic_table_agrees_with_the_contract() -> None:
    file = Path(topics.__file__).with_name("topics.yaml")
    assert yaml.safe_load(file.read_text()) == topics.as_data()


def test_compaction_takes_no_occasion_from_a_reader_who_was_away_for_a_month() -> None:
    day = 24 * 3600 * 1000
    for topic in TOPICS:
        if topic.compacted:
            configuration = topics.deployed(topic).configuration
            assert int(configuration["min.compaction.lag.ms"]) >= 30 * day
            assert int(configuration["max.compaction.lag.ms"]) >= int(configuration["min.compaction.lag.ms"])


def test_a_taken_port_is_never_handed_out(mailbox: MailboxProcess) -> None:
    assert free_port(mailbox.http_port) != mailbox.http_port


def test_the_mailbox_keeps_every_copy_and_never_merges(mailbox: MailboxProcess) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "hub@example.org", "Zoë <zoe@example.org>", "Grüße aus Łódź"
    mail["Message-ID"] = "<same@example.org>"
    mail.set_content("Antwort: http://127.0.0.1:1/answer/abc.def\n")
    mail.add_alternative("<p>Antwort<script>alert(1)</script>", subtype="html")
    with smtplib.SMTP(mailbox.smtp_host, mailbox.smtp_port) as smtp:
        smtp.send_message(mail)
        smtp.send_message(mail)
    first, second = mailbox.wait_for("zoe@example.org", count=2)
    assert first["message_id"] == second["message_id"] == "<same@example.org>"
    assert first["subject"] == "Grüße aus Łódź"
    assert first["links"] == ["http://127.0.0.1:1/answer/abc.def"]
    assert mailbox.messages("somebody@else") == []


def test_mails_that_arrive_at_one_moment_are_all_kept(mailbox: MailboxProcess) -> None:
    """A number was once taken before waiting for the disk: two mails shared a file, and one of them was lost."""

    def send(number: int) -> None:
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = "hub@example.org", f"crowd-{number}@example.org", str(number)
        mail["Message-ID"] = f"<{number}@crowd.example.org>"
        mail.set_content("hello")
        with smtplib.SMTP(mailbox.smtp_host, mailbox.smtp_port) as smtp:
            smtp.send_message(mail)

    with ThreadPoolExecutor(max_workers=16) as pool:
        list(pool.map(send, range(160)))
    kept = mailbox.wait_for("crowd-", count=160)
    assert {mail["subject"] for mail in kept} == {str(number) for number in range(160)}
    numbers = [mail["number"] for mail in kept]
    assert numbers == sorted(set(numbers))
