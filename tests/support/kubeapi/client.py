"""A plain client of the API for the tests' own side: the kubelet and the administrator."""

import http.client
import json
import ssl
import threading


class ApiError(Exception):
    """An answer other than success."""

    def __init__(self, code, status):
        super().__init__(f"{code} {status.get('reason')}: {status.get('message')}")
        self.code, self.status, self.reason = code, status, status.get("reason")


class Client:
    """JSON over HTTPS with a bearer token; a connection for each thread."""

    def __init__(self, port, ca, token):
        self.port, self.token = port, token
        self.context = ssl.create_default_context(cafile=ca)
        self.local = threading.local()

    def _connect(self, timeout=30):
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=timeout, context=self.context)

    def _headers(self, kind="application/json"):
        return {
            "Authorization": f"Bearer {self.token}",
            "Content-Type": kind,
            "Accept": "application/json",
            "User-Agent": "tests",
        }

    def request(self, method, path, body=None, kind="application/json"):
        data = None if body is None else json.dumps(body)
        for fresh in (False, True):
            connection = None if fresh else getattr(self.local, "connection", None)
            kept = connection is not None
            connection = connection or self._connect()
            try:
                connection.request(method, path, data, self._headers(kind))
                answer = connection.getresponse()
                text = answer.read()
                break
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                self.local.connection = None
                if not kept:
                    raise OSError(str(error)) from error
        self.local.connection = connection
        content = json.loads(text) if text.startswith((b"{", b"[")) else text.decode()
        if answer.status >= 400:
            raise ApiError(answer.status, content if isinstance(content, dict) else {"message": content})
        return content

    def get(self, path):
        return self.request("GET", path)

    def create(self, path, body):
        return self.request("POST", path, body)

    def replace(self, path, body):
        return self.request("PUT", path, body)

    def patch(self, path, body, kind="application/merge-patch+json"):
        return self.request("PATCH", path, body, kind)

    def delete(self, path, options=None):
        return self.request("DELETE", path, options)

    def watch(self, path, revision, stop, *, opened=lambda connection: None, **query):
        """Pairs of an event's type and its object, until the server ends the watch or `stop` is set."""
        more = "".join(f"&{name}={value}" for name, value in query.items())
        connection = self._connect(timeout=5)
        mark = "&allowWatchBookmarks=true&timeoutSeconds=300"
        connection.request(
            "GET", f"{path}?watch=1&resourceVersion={revision}{mark}{more}", headers=self._headers()
        )
        answer = connection.getresponse()
        opened(connection)
        try:
            if answer.status >= 400:
                raise ApiError(answer.status, json.loads(answer.read()))
            while not stop.is_set():
                line = answer.readline()
                if not line:
                    return
                event = json.loads(line)
                yield event["type"], event["object"]
        finally:
            connection.close()
