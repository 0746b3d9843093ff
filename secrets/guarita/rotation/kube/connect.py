"""The client of a configured cluster: by the pod's own account, or by a kubeconfig."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from guarita.errors import MissingExtraError
from guarita.rotation.errors import RotationConfigError
from guarita.rotation.kube.api import Api

if TYPE_CHECKING:
    from kubernetes import client as official

    from guarita.config.rotation import ClusterSection

_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
_AGAIN: Final = "name a file by `rotation.clusters.NAME.kubeconfig`, or set KUBECONFIG"


def connect(name: str, section: ClusterSection, folder: Path) -> Api:
    """A client for a cluster of guarita.yaml; nothing is asked of it yet. `folder` is that of guarita.yaml.

    Raises RotationConfigError where no cluster can be found, MissingExtraError without `guarita[rotation]`.
    """
    configuration = _configuration(name, section, folder)
    # Authentication, TLS and proxies are the official client's; requests are plain JSON, so that fields that its
    # models do not know are neither lost nor refused.
    from kubernetes import client  # noqa: PLC0415  # half a second of imports, and only with a cluster

    api = client.ApiClient(configuration)
    return Api(
        api.rest_client.pool_manager,
        str(configuration.host).rstrip("/"),
        lambda: _credentials(configuration),
        timeout=section.timeout_seconds,
    )


def _credentials(configuration: official.Configuration) -> Mapping[str, str]:
    """The headers that say who asks; a token that is renewed on disk or by a program is read anew."""
    found: dict[str, str] = {}
    settings: Mapping[str, Any] = configuration.auth_settings()
    for setting in settings.values():
        if setting.get("in") == "header" and setting.get("value"):
            found[setting["key"]] = setting["value"]
    return found


def _configuration(name: str, section: ClusterSection, folder: Path) -> official.Configuration:
    try:
        from kubernetes import client, config  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise MissingExtraError("rotation", error.name or "kubernetes") from None
    configuration = client.Configuration()
    try:
        if section.kubeconfig is None and _ACCOUNT.exists() and "KUBERNETES_SERVICE_HOST" in os.environ:
            config.load_incluster_config(  # type: ignore[no-untyped-call]
                client_configuration=configuration
            )
            return configuration
        path = (
            os.environ.get("KUBECONFIG") if section.kubeconfig is None else str(folder / section.kubeconfig)
        )
        if path is None and not Path(config.KUBE_CONFIG_DEFAULT_LOCATION).expanduser().exists():
            raise RotationConfigError(
                "rotation.no-cluster",
                f"cluster {name}: this runs in no pod, and no kubeconfig is named",
                hint=_AGAIN,
            )
        config.load_kube_config(  # type: ignore[no-untyped-call]
            config_file=path,
            context=section.context,
            client_configuration=configuration,
            persist_config=False,
        )
    except (
        config.ConfigException,
        yaml.YAMLError,
        OSError,
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
    ) as error:
        # The library's own text may quote the file, and with it a token.
        raise RotationConfigError(
            "rotation.kubeconfig",
            f"cluster {name}: its configuration cannot be used ({type(error).__name__})",
            hint=_AGAIN,
        ) from None
    return configuration
