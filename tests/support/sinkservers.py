"""Servers for the sinks' tests, strict about their protocols and able to fail in every way that a peer can.

Elasticsearch's bulk and multi-get APIs and OTLP/HTTP are played after their documentation, since neither server can be
installed from a package registry; OTLP requests are decoded by OpenTelemetry's own messages. S3 is moto's server, behind
a proxy that has the same faults.
"""

import gzip
import http.client
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

FAULTS = ("500", "503", "429", "hang", "drop-before", "drop-after", "garbage")


class Faulty(BaseHTTPRequestHandler):
    """Takes the next fault of the server's list for each request; "ok" when the list is empty."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do(self):
        server = self.server
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        with server.lock:
            server.requests.append((self.command, self.path, dict(self.headers)))
            fault = server.faults.pop(0) if server.faults else "ok"
        if callable(fault):
            fault = fault(self, body) or "ok"
        if fault == "done":
            return
        if fault == "hang":
            server.released.wait(60)
            self.close_connection = True
            return
        if fault == "drop-before":
            self.close_connection = True
            return
        if fault[:3].isdecimal():
            status, _, retry_after = fault.partition("+")
            self.answer(int(status), b"{}", {"retry-after": retry_after} if retry_after else {})
            return
        status, headers, answer = self.accept(body)
        if fault == "drop-after":
            self.close_connection = True
            return
        if fault == "garbage":
            status, headers, answer = 200, {}, b"<html>Welcome to the hotel's network</html>"
        self.answer(status, answer, headers)

    do_GET = do_PUT = do_POST = do_HEAD = do  # noqa: N815  # the names of http.server

    def answer(self, status, body, headers=()):
        try:
            self.send_response(status)
            for name, value in {"content-type": "application/json", **dict(headers)}.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)
        except OSError:
            self.close_connection = True  # the client was killed


class Elasticsearch(Faulty):
    """`POST /INDEX/_bulk` and `/INDEX/_mget`."""

    def accept(self, body):
        index, api = self.path.split("?")[0].strip("/").split("/")
        if api == "_mget":
            return self.mget(index, json.loads(body))
        assert api == "_bulk"
        assert self.headers["content-type"] == "application/x-ndjson"
        assert body.endswith(b"\n"), "The final line of data must end with a newline character"
        lines = body.split(b"\n")[:-1]
        assert len(lines) % 2 == 0
        items = []
        for action, source in zip(lines[::2], lines[1::2], strict=True):
            ((kind, meta),) = json.loads(action).items()
            assert kind == "create"
            items.append({"create": self.create(index, meta["_id"], json.loads(source))})
        errors = any(item["create"]["status"] >= 300 for item in items)
        return 200, {}, json.dumps({"took": 1, "errors": errors, "items": items}).encode()

    def create(self, index, id_, source):
        server = self.server
        with server.lock:
            documents = server.stored.setdefault(index, {})
            refusal = server.judge(id_, source) if server.judge else None
            if id_ in documents:
                server.conflicts += 1
                refusal = (409, "version_conflict_engine_exception")
            if refusal:
                status, kind = refusal
                return {
                    "_index": index,
                    "_id": id_,
                    "status": status,
                    "error": {"type": kind, "reason": "kanarienvogel"},
                }
            documents[id_] = source
            return {"_index": index, "_id": id_, "_version": 1, "result": "created", "status": 201}

    def mget(self, index, wanted):
        with self.server.lock:
            documents = self.server.stored.get(index, {})
            docs = [
                {
                    "_index": index,
                    "_id": id_,
                    "found": True,
                    "_source": {"guarita": documents[id_]["guarita"]},
                }
                if id_ in documents
                else {"_index": index, "_id": id_, "found": False}
                for id_ in wanted["ids"]
            ]
        return 200, {}, json.dumps({"docs": docs}).encode()


class Collector(Faulty):
    """`POST /v1/logs` of OTLP/HTTP; what is kept is by `log.record.uid`, as a backend that drops duplicates would."""

    def accept(self, body):
        assert self.path == "/v1/logs"
        assert self.headers["content-type"] == "application/json"
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        request = json_format.Parse(body, ExportLogsServiceRequest(), ignore_unknown_fields=False)
        rejected = 0
        for resource in request.resource_logs:
            for scope in resource.scope_logs:
                for record in scope.log_records:
                    attributes = {one.key: one.value for one in record.attributes}
                    uid = attributes["log.record.uid"].string_value
                    with self.server.lock:
                        if self.server.judge and self.server.judge(uid, record):
                            rejected += 1
                            continue
                        assert self.server.stored.setdefault(uid, record) == record
        answer = {"partialSuccess": {"rejectedLogRecords": str(rejected)}} if rejected else {}
        return 200, {}, json.dumps(answer).encode()


class ToS3(Faulty):
    """Hands every request on to the S3 server behind it."""

    def accept(self, body):
        return 200, {}, b""

    def do(self):
        server = self.server
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        with server.lock:
            server.requests.append((self.command, self.path, dict(self.headers)))
            fault = server.faults.pop(0) if server.faults else "ok"
        if fault == "hang":
            server.released.wait(60)
        if fault in {"hang", "drop-before"}:
            self.close_connection = True
            return
        if fault[:3].isdecimal():
            self.answer(int(fault[:3]), b"")
            return
        behind = http.client.HTTPConnection(*server.behind, timeout=30)
        behind.request(self.command, self.path, body, {**self.headers, "host": self.headers["host"]})
        answer = behind.getresponse()
        content = answer.read()
        behind.close()
        if fault == "drop-after":
            self.close_connection = True
            return
        kept = {
            name: value
            for name, value in answer.getheaders()
            if name.lower() in {"etag", "last-modified", "content-type"}
        }
        self.answer(answer.status, content, kept)

    do_GET = do_PUT = do_POST = do_HEAD = do  # noqa: N815  # the names of http.server


class Server(ThreadingHTTPServer):
    """One of the above on a free loopback port."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, handler, **more):
        super().__init__(("127.0.0.1", 0), handler)
        self.lock = threading.Lock()
        self.released = threading.Event()
        self.requests, self.faults, self.stored = [], [], {}
        self.judge, self.conflicts, self.errors = None, 0, []
        self.__dict__.update(more)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request, client_address):
        import sys

        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            self.errors.append(error)

    def __exit__(self, *_):
        self.released.set()
        self.shutdown()
        self.server_close()
        assert self.errors == [], "a request broke the protocol"


def objects(endpoint, bucket="bucket"):
    """Every object of an S3 bucket: its name to the lines in it."""
    import obstore
    from obstore.store import S3Store

    store = S3Store(
        bucket, endpoint=endpoint, region="us-east-1", access_key_id="a", secret_access_key="b",
        virtual_hosted_style_request=False, client_options={"allow_http": True},
    )  # fmt: skip
    found = {}
    for page in obstore.list(store):
        for entry in page:
            content = gzip.decompress(bytes(obstore.get(store, entry["path"]).bytes()))
            found[entry["path"]] = [json.loads(line) for line in content.splitlines()]
    return dict(sorted(found.items()))
