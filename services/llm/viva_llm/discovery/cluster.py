"""The way to the API server of the cluster that this pod runs in."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kubernetes.aio.client.configuration import Configuration

from viva.errors import EngineUnavailable

MOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where Kubernetes puts the token, the CA and the namespace of a pod."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """The server's URL, and the folder with the files `token`, `ca.crt` and `namespace`."""

    server: str
    folder: Path = MOUNT

    @classmethod
    def of_this_pod(cls, environ: Mapping[str, str], folder: Path = MOUNT) -> "Cluster":
        """Raises EngineUnavailable outside a cluster, and in a pod without a token."""
        host, port = environ.get("KUBERNETES_SERVICE_HOST"), environ.get("KUBERNETES_SERVICE_PORT")
        if not host or not port:
            raise EngineUnavailable(
                "Discovery by Kubernetes works only in a pod: KUBERNETES_SERVICE_HOST and _PORT are not set. "
                "Name the addresses or a DNS name instead."
            )
        for name in ("token", "ca.crt"):
            if not _text(folder / name):
                raise EngineUnavailable(
                    f"Discovery by Kubernetes needs the pod's token, and {folder / name} is missing or empty. "
                    "Mount a token of the ServiceAccount there."
                )
        return cls(f"https://{f'[{host}]' if ':' in host else host}:{port}", folder)

    @property
    def namespace(self) -> str:
        """That of this pod. Raises EngineUnavailable when it is not known."""
        if name := _text(self.folder / "namespace"):
            return name
        raise EngineUnavailable(
            f"Discovery by Kubernetes does not know its namespace: {self.folder / 'namespace'} is missing or empty. "
            "Name the namespace."
        )

    def configuration(self) -> Configuration:
        """Made anew for each connection, so that a renewed CA is read. Raises OSError when the files are gone."""
        configuration = Configuration(host=self.server)
        if self.server.startswith("https:"):
            configuration.ssl_ca_cert = str(self.folder / "ca.crt")
            # Python 3.13 refuses the CAs of older clusters, which lack an extension. Names and signatures are checked.
            configuration.disable_strict_ssl_verification = True
        configuration.refresh_api_key_hook = self._set_token
        self._set_token(configuration)
        return configuration

    def _set_token(self, configuration: Configuration) -> None:
        # Read for every request, of which there are a few a minute: the kubelet renews the file.
        configuration.api_key["BearerToken"] = f"Bearer {(self.folder / 'token').read_text().strip()}"


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
