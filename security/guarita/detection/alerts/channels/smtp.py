"""Mail: RFC 5322 messages by SMTP (RFC 5321), over TLS unless the configuration says otherwise."""

from __future__ import annotations

import contextlib
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Final

from guarita.audit.sinks.secret import read_secret
from guarita.config.detection_alerts import SmtpChannel
from guarita.detection.alerts import text
from guarita.detection.alerts.channels import tls
from guarita.detection.alerts.interface import (
    Channel,
    ChannelError,
    ChannelRefusedError,
    ChannelUnavailableError,
)
from guarita.detection.alerts.model import Message

_PERMANENT: Final = 500


class Smtp(Channel):
    """Sends one message to all recipients."""

    def __init__(self, section: SmtpChannel, folder: Path) -> None:
        """Relative files are in `folder`."""
        self._section = section
        self._folder = folder
        self._domain = section.sender.rpartition("@")[2]
        self._tls = tls.context(section.ca_file, folder)

    def send(self, message: Message, *, now: int) -> str:
        mail = self.mail(message, now=now)
        try:
            with self._session() as client:
                refused = client.send_message(mail)
        except smtplib.SMTPRecipientsRefused as error:
            raise self._error(min(code for code, _ in error.recipients.values())) from None
        except smtplib.SMTPResponseException as error:
            raise self._error(error.smtp_code) from None
        except smtplib.SMTPNotSupportedError:
            raise ChannelRefusedError(
                "alerts.smtp-tls", f"{self._section.host}: the server offers no STARTTLS or no login",
                hint="`tls: implicit` where it speaks TLS from the first byte",
            ) from None  # fmt: skip
        except ssl.SSLCertVerificationError:
            raise ChannelRefusedError(
                "alerts.smtp-tls", f"{self._section.host}: its certificate does not hold",
                hint="name its authority by `ca_file`",
            ) from None  # fmt: skip
        except (smtplib.SMTPException, OSError) as error:
            raise ChannelUnavailableError(
                "alerts.unreachable", f"{self._section.host}: {type(error).__name__}"
            ) from None
        count = len(self._section.to)
        return f"accepted for {count - len(refused)} of {count} recipients"

    def mail(self, message: Message, *, now: int) -> EmailMessage:
        """The message as it is sent. All that is said of one incident is one thread."""
        thread = f"<{message.incident}@guarita.{self._domain}>"
        mail = EmailMessage(policy=policy.SMTP)
        mail["From"] = self._section.sender
        mail["To"] = ", ".join(self._section.to)
        # `plain` leaves no character that could end a header.
        mail["Subject"] = text.subject(message)
        mail["Date"] = format_datetime(datetime.fromtimestamp(now // 1000, UTC))
        # RFC 5322 section 3.6.4. A second sending of the same message has the same identifier.
        mail["Message-ID"] = f"<{message.id}.{message.incident}@guarita.{self._domain}>"
        mail["References"] = thread
        mail["In-Reply-To"] = thread
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no answering machine replies
        mail["X-Guarita-Incident"] = message.incident
        if message.level == "critical" and message.kind == "trigger":
            mail["Importance"] = "high"
        mail.set_content(text.body(message))
        return mail

    @contextlib.contextmanager
    def _session(self) -> Iterator[smtplib.SMTP]:
        section = self._section
        with contextlib.ExitStack() as stack:
            connection = socket.create_connection((section.host, section.port), timeout=section.timeout)
            stack.callback(connection.close)
            # smtplib bounds each read, and a server may say a byte at a time: at the end the connection is cut.
            ended = connection.dup()
            stack.callback(ended.close)
            watch = threading.Timer(section.timeout, _cut, (ended,))
            watch.daemon = True
            watch.start()
            stack.callback(watch.cancel)
            if section.tls == "implicit":
                connection = self._tls.wrap_socket(connection, server_hostname=section.host)
                stack.callback(connection.close)
            client = _Client(connection, section, self._domain)
            if section.tls == "starttls":
                client.starttls(context=self._tls)
            if section.username is not None and section.password is not None:
                client.login(section.username, read_secret(section.password, self._folder).reveal())
            yield client
            # It was accepted: whatever the farewell is like changes nothing.
            with contextlib.suppress(smtplib.SMTPException, OSError):
                client.quit()

    def _error(self, code: int) -> ChannelError:
        said = f"{self._section.host}: SMTP status {code}"
        if code >= _PERMANENT:
            return ChannelRefusedError("alerts.refused", said, hint="look at sender, recipients and login")
        return ChannelUnavailableError("alerts.busy", said)


class _Client(smtplib.SMTP):
    """A client on a connection that is made already."""

    def __init__(self, connection: socket.socket, section: SmtpChannel, domain: str) -> None:
        self._connection = connection
        # Without a name of our own smtplib asks the resolver, for as long as that takes.
        super().__init__(section.host, section.port, local_hostname=domain, timeout=section.timeout)

    def _get_socket(self, _host: str, _port: int, _timeout: float) -> socket.socket:
        return self._connection


def _cut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
