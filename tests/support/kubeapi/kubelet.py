"""Plays the kubelets and the scheduler as a client of the API, against the emulator and a real control plane alike.

Each pod runs a behaviour that the test chose: what its containers do with the Secrets that they were started with. The
kubelet resolves environment and volumes as a real one does, and writes the pod's status.
"""

import base64
import contextlib
import datetime as dt
import queue
import socket
import threading
import time
from dataclasses import dataclass, field

from .client import ApiError

STRATEGIC = "application/strategic-merge-patch+json"


def _now():
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Behaviour:
    """What a pod does. Subclasses override what they need; each method runs in a thread of its own pod."""

    linger = 0.0
    """Seconds that it goes on running after it was asked to end, at most its grace period."""
    exits = False
    """Whether it ends by itself with success, as a Job's does."""

    def __init__(self, running):
        self.running = running

    def start(self):
        """When its containers start. Raises to crash."""

    def ready(self):
        """Whether its readiness probe succeeds."""
        return True

    def stop(self):
        """When its containers have ended."""


@dataclass
class Running:
    """A pod as its containers see it."""

    name: str
    namespace: str
    uid: str
    pod: dict
    env: dict = field(default_factory=dict)
    """Variables of all containers."""
    files: dict = field(default_factory=dict)
    """Files of all volumes: `volume/path` to text."""
    secrets: dict = field(default_factory=dict)
    """Names of Secrets to their data, as resolved at the start."""
    restarts: int = 0


class NotResolvableError(Exception):
    """A Secret is not there: the container cannot be configured yet."""


class PullFailedError(Exception):
    """An image, or its pull secret, is not there."""


class Kubelet:
    """Runs every pod of a cluster. `choose(pod)` gives the Behaviour's class (or a function of Running) for a pod."""

    def __init__(self, client, choose=lambda pod: Behaviour, *, nodes=("node-a", "node-b"), namespace=None):
        self.client, self.choose, self.nodes, self.namespace = client, choose, list(nodes), namespace
        self.pods, self.lock = {}, threading.Lock()
        self.stopped = threading.Event()
        self.frozen = threading.Event()
        self.frozen.set()
        self.errors = queue.Queue()
        self.turn, self.connection = 0, None

    def __enter__(self):
        for node in self.nodes:
            with contextlib.suppress(ApiError):
                self.client.create(
                    "/api/v1/nodes",
                    {
                        "metadata": {"name": node},
                        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
                    },
                )
            # A real API server taints it until a controller, which does not run, has seen it ready.
            self.client.patch(f"/api/v1/nodes/{node}", {"spec": {"taints": None}})
        self.thread = threading.Thread(target=self._run, daemon=True, name="kubelet")
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        with contextlib.suppress(OSError, AttributeError):
            self.connection.sock.shutdown(socket.SHUT_RDWR)
        with self.lock:
            lives = list(self.pods.values())
        for life in lives:
            life.wake.set()
        self.thread.join(10)
        for life in lives:
            life.thread.join(10)
        assert self.errors.empty(), self.errors.get()

    @property
    def _path(self):
        return f"/api/v1/namespaces/{self.namespace}/pods" if self.namespace else "/api/v1/pods"

    def freeze(self):
        """No new pod is taken in, until `thaw`."""
        self.frozen.clear()

    def thaw(self):
        self.frozen.set()

    def live(self):
        """The pods whose containers run now, terminating ones too."""
        with self.lock:
            return [life for life in self.pods.values() if life.running is not None]

    def _opened(self, connection):
        self.connection = connection

    def _run(self):
        while not self.stopped.is_set():
            try:
                listed = self.client.get(self._path)
                seen = set()
                for pod in listed.get("items", []):
                    seen.add(pod["metadata"]["uid"])
                    self._take(pod)
                with self.lock:
                    for uid in set(self.pods) - seen:
                        self.pods.pop(uid).vanish()
                for kind, pod in self.client.watch(
                    self._path, listed["metadata"]["resourceVersion"], self.stopped, opened=self._opened
                ):
                    if kind == "ERROR":
                        break
                    if kind == "DELETED":
                        with self.lock:
                            life = self.pods.pop(pod["metadata"]["uid"], None)
                        if life:
                            life.vanish()
                    elif kind in {"ADDED", "MODIFIED"}:
                        self._take(pod)
            except (ApiError, OSError, ValueError):
                self.stopped.wait(0.1)

    def _take(self, pod):
        uid = pod["metadata"]["uid"]
        with self.lock:
            life = self.pods.get(uid)
            if life is None:
                if pod["status"].get("phase") in {"Succeeded", "Failed"}:
                    return
                self.turn += 1
                life = self.pods[uid] = Life(self, pod, self.nodes[self.turn % len(self.nodes)])
                life.thread.start()
        life.pod = pod
        if pod["metadata"].get("deletionTimestamp"):
            life.wake.set()


class Life:
    """One pod from its binding to its end."""

    def __init__(self, kubelet, pod, node):
        self.kubelet, self.client, self.pod, self.node = kubelet, kubelet.client, pod, node
        metadata = pod["metadata"]
        self.name, self.namespace, self.uid = metadata["name"], metadata["namespace"], metadata["uid"]
        self.path = f"/api/v1/namespaces/{self.namespace}/pods/{self.name}"
        self.running = self.behaviour = None
        self.wake, self.gone = threading.Event(), threading.Event()
        self.restarts, self.born = 0, time.monotonic()
        self.written, self.conditions = None, {}
        self.thread = threading.Thread(target=self._live, daemon=True, name=f"pod {self.name}")

    def vanish(self):
        """The object is gone: a real kubelet ends the containers then."""
        self.gone.set()
        self.wake.set()

    @property
    def ending(self):
        return self.gone.is_set() or bool(self.pod["metadata"].get("deletionTimestamp"))

    @property
    def done(self):
        return self.gone.is_set() or self.kubelet.stopped.is_set()

    def _live(self):
        try:
            self._bind()
            while not self.done and not self.ending:
                if self._try():
                    return
                self.wake.wait(min(0.2 * 2**self.restarts, 1.0))
            self._end()
        except Exception as error:  # noqa: BLE001  # reported when the kubelet is left
            self.kubelet.errors.put(error)

    def _bind(self):
        while not self.kubelet.frozen.wait(0.1):
            if self.done or self.ending:
                return
        if self.pod["spec"].get("nodeName"):
            return
        affinity = (self.pod["spec"].get("affinity") or {}).get("nodeAffinity") or {}
        terms = (affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}).get(
            "nodeSelectorTerms"
        ) or []
        node = terms[0]["matchFields"][0]["values"][0] if terms and terms[0].get("matchFields") else self.node
        binding = {
            "apiVersion": "v1", "kind": "Binding", "metadata": {"name": self.name},
            "target": {"apiVersion": "v1", "kind": "Node", "name": node},
        }  # fmt: skip
        self._call(lambda: self.client.create(f"{self.path}/binding", binding))

    def _call(self, call):
        """Tries a call again while the server fails; gives False when the pod is gone or somebody was faster."""
        while not self.done:
            try:
                call()
            except ApiError as error:
                if error.code in {404, 409}:
                    return False
            except OSError:
                pass
            else:
                return True
            time.sleep(0.1)
        return False

    def _try(self):
        """One start of the containers, until they end; True when the pod's life is over."""
        try:
            running = self._resolve()
        except PullFailedError as problem:
            self._waiting("ErrImagePull" if not self.restarts else "ImagePullBackOff", str(problem))
            self.restarts += 1
            return False
        except NotResolvableError as problem:
            self._waiting("CreateContainerConfigError", str(problem))
            return False
        running.restarts = self.restarts
        self.behaviour = self.kubelet.choose(self.pod)(running)
        self.running = running
        try:
            self.behaviour.start()
            return self._serve()
        except CrashError as crash:
            if self.pod["spec"].get("restartPolicy") != "Always":
                self._status(
                    "Failed",
                    ready=False,
                    state={"terminated": {"exitCode": 1, "reason": "Error", "message": str(crash)}},
                )
                return True
            self.restarts += 1
            self._waiting("CrashLoopBackOff", str(crash))
            return False
        finally:
            self.running = None
            self.behaviour.stop()

    def _serve(self):
        deadline = self.pod["spec"].get("activeDeadlineSeconds")
        while not self.done and not self.ending:
            if deadline and time.monotonic() > self.born + deadline:
                self._status(
                    "Failed",
                    ready=False,
                    state={"terminated": {"exitCode": 137, "reason": "DeadlineExceeded"}},
                )
                return True
            ok = self.behaviour.ready()
            if self.behaviour.exits and ok:
                self._status(
                    "Succeeded", ready=False, state={"terminated": {"exitCode": 0, "reason": "Completed"}}
                )
                return True
            self._status("Running", ready=ok, state={"running": {"startedAt": _now()}})
            self.wake.wait(0.1)
        if not self.gone.is_set() and not self.kubelet.stopped.is_set():
            # Asked to end: it goes on for a while, as containers that drain do.
            grace = self.pod["metadata"].get("deletionGracePeriodSeconds") or 0
            until = time.monotonic() + min(self.behaviour.linger, grace)
            while time.monotonic() < until and not self.done:
                self._status(
                    "Running", ready=self.behaviour.ready(), state={"running": {"startedAt": _now()}}
                )
                self.gone.wait(0.05)
        return False

    def _end(self):
        if not self.done:
            options = {"gracePeriodSeconds": 0, "preconditions": {"uid": self.uid}}
            self._call(lambda: self.client.delete(self.path, options))

    # Resolving what the containers get

    def _secret(self, running, name, *, optional=False):
        if name not in running.secrets:
            try:
                found = self.client.get(f"/api/v1/namespaces/{self.namespace}/secrets/{name}")
            except ApiError as error:
                if error.code != 404:
                    raise NotResolvableError(str(error)) from None
                if optional:
                    return {}
                raise NotResolvableError(f'secret "{name}" not found') from None
            except OSError as error:
                raise NotResolvableError(str(error)) from None
            data = found.get("data") or {}
            running.secrets[name] = {key: base64.b64decode(value).decode() for key, value in data.items()}
        return running.secrets[name]

    def _resolve(self):
        running = Running(self.name, self.namespace, self.uid, self.pod)
        spec = self.pod["spec"]
        for container in [*(spec.get("initContainers") or []), *spec["containers"]]:
            if "missing" in container["image"]:
                raise PullFailedError(f'failed to pull image "{container["image"]}": not found')
        for pull in spec.get("imagePullSecrets") or []:
            self._secret(running, pull["name"], optional=True)
        for container in [*(spec.get("initContainers") or []), *spec["containers"]]:
            self._environment(running, container)
        for volume in spec.get("volumes") or []:
            self._volume(running, volume)
        return running

    def _environment(self, running, container):
        for source in container.get("envFrom") or []:
            if "secretRef" in source:
                ref = source["secretRef"]
                for key, value in self._secret(
                    running, ref["name"], optional=ref.get("optional", False)
                ).items():
                    running.env[source.get("prefix", "") + key] = value
        for variable in container.get("env") or []:
            ref = (variable.get("valueFrom") or {}).get("secretKeyRef")
            if ref is None:
                running.env[variable["name"]] = variable.get("value", "")
                continue
            data = self._secret(running, ref["name"], optional=ref.get("optional", False))
            if ref["key"] in data:
                running.env[variable["name"]] = data[ref["key"]]
            elif not ref.get("optional"):
                raise NotResolvableError(
                    f"couldn't find key {ref['key']} in Secret {self.namespace}/{ref['name']}"
                )

    def _volume(self, running, volume):
        if "secret" in volume:
            data = self._secret(
                running, volume["secret"]["secretName"], optional=volume["secret"].get("optional", False)
            )
            self._files(running, volume["name"], data, volume["secret"].get("items"))
        for source in (volume.get("projected") or {}).get("sources") or []:
            if "secret" in source:
                data = self._secret(
                    running, source["secret"]["name"], optional=source["secret"].get("optional", False)
                )
                self._files(running, volume["name"], data, source["secret"].get("items"))

    @staticmethod
    def _files(running, volume, data, items):
        for key, path in (
            [(item["key"], item["path"]) for item in items] if items else [(key, key) for key in data]
        ):
            running.files[f"{volume}/{path}"] = data[key]

    # Status

    def _waiting(self, reason, message):
        self._status(
            "Pending" if not self.restarts else "Running",
            ready=False,
            state={"waiting": {"reason": reason, "message": message}},
        )

    def _status(self, phase, *, ready, state):
        mark = (phase, ready, next(iter(state)), self.restarts, (state.get("waiting") or {}).get("reason"))
        if mark == self.written:
            return
        now, words = _now(), {True: "True", False: "False"}
        conditions = {one["type"]: one for one in self.pod["status"].get("conditions") or []}
        gates = [gate["conditionType"] for gate in self.pod["spec"].get("readinessGates") or []]
        open_ = all(conditions.get(gate, {}).get("status") == "True" for gate in gates)
        for kind, word in (
            ("Initialized", "True"),
            ("ContainersReady", words[ready]),
            ("Ready", words[ready and open_]),
        ):
            if self.conditions.get(kind, {}).get("status") != word:
                self.conditions[kind] = {"type": kind, "status": word, "lastTransitionTime": now}
        containers = [
            {
                "name": container["name"], "image": container["image"], "imageID": "", "ready": ready, "started": "running" in state,
                "restartCount": self.restarts, "state": state,
            }
            for container in self.pod["spec"]["containers"]
        ]  # fmt: skip
        status = {
            "phase": phase,
            "conditions": list(self.conditions.values()),
            "containerStatuses": containers,
        }
        if self._call(
            lambda: self.client.patch(
                f"{self.path}/status", {"metadata": {"uid": self.uid}, "status": status}, STRATEGIC
            )
        ):
            self.written = mark


class CrashError(Exception):
    """A behaviour raises it to end its containers with an error."""
