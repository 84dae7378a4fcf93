"""A registry of images, through oras: manifests, tags, small blobs and what refers to them. Nothing else talks to one.

Layers go through the engine, which knows those that are there. Credentials are those of Docker's own configuration and
helpers, and nothing else's.
"""

import hashlib
import ipaddress
import json
import os
import re
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from tdi.errors import TdiError

if TYPE_CHECKING:
    import requests
    from oras.container import Container
    from oras.provider import Registry as Client

_T = TypeVar("_T")

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
"""The media types of manifests, as OCI and as Docker call them."""

EMPTY = "application/vnd.oci.empty.v1+json"
"""The media type of a configuration that says nothing."""

_ACCEPT = f"{MANIFEST}, {INDEX}, {DOCKER_MANIFEST}, {DOCKER_INDEX}"
_CERTIFICATES = Path("/etc/docker/certs.d")
_SYSTEMS_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
_SECONDS = 30.0
_AGAIN = (0.5, 2.0)
"""Seconds to wait before a request is made again: one that no registry answered, or a reading that it failed at."""

_HOST = r"(?:\[[0-9a-fA-F:]+\]|[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?)(?::[0-9]{1,5})?"
_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"(?P<host>{_HOST})/(?P<name>{_PART}(?:/{_PART})*)")
_HUB = "docker.io"
_HUBS_API, _HUBS_KEY = "registry-1.docker.io", "https://index.docker.io/v1/"
_LONGEST_NAME = 255
_MOST_BYTES = 256 * 1024**2
"""A record of a machine is about a megabyte."""


class RegistryUnreachableError(TdiError):
    """No registry answers, or not in a way that can be used."""


class AccessRefusedError(TdiError):
    """The registry does not let us."""


class DeletionRefusedError(TdiError):
    """The registry deletes nothing."""


@dataclass(frozen=True)
class Repository:
    """A repository of a registry: the registry's host, with its port where it has one, and the name there."""

    host: str
    name: str

    def __str__(self) -> str:
        """HOST/NAME, as Docker writes it."""
        return f"{self.host}/{self.name}"

    @property
    def is_on_loopback(self) -> bool:
        """Whether the registry is this machine's own: Docker talks to such a one without TLS, too."""
        host = re.sub(r":[0-9]+$", "", self.host).strip("[]")
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"


def parse(text: str) -> Repository:
    """The repository that `text` names: HOST[:PORT]/NAME. Raises TdiError where it is none."""
    remedy = "Write HOST[:PORT]/NAME in small letters, without a scheme, tag or digest: registry.example.org/web."
    host, _, rest = text.partition("/")
    if "@" in host or re.match(r"\w+://[^/]*@", text):
        raise TdiError("The name of the registry holds credentials.", "Remove them there, and log in: docker login")
    found = _REPOSITORY.fullmatch(text)
    if not found or len(rest) > _LONGEST_NAME:
        raise TdiError(f"{text!r} names no repository of a registry.", remedy)
    if not re.search(r"[.:]", host) and host != "localhost":
        raise TdiError(f"{text!r} does not say which registry: {host!r} is no host.", remedy)
    port = host.rpartition(":")[2] if re.search(r":[0-9]+$", host) else "443"
    if not 0 < int(port) < 1 << 16:
        raise TdiError(f"{text!r} has no port that there could be.", remedy)
    return Repository(found["host"], found["name"])


@dataclass(frozen=True)
class Manifest:
    """A manifest as the registry has it: its digest, media type and bytes."""

    digest: str
    media_type: str
    content: bytes

    @cached_property
    def document(self) -> dict[str, Any]:
        """What it says. Raises TdiError where it is no JSON object."""
        try:
            said = json.loads(self.content)
        except ValueError:
            said = None
        if not isinstance(said, dict):
            raise TdiError(f"The manifest {self.digest} in the registry is damaged: it is no JSON.")
        return said

    @property
    def annotations(self) -> dict[str, str]:
        """Its annotations."""
        said = self.document.get("annotations") or {}
        return {str(key): str(value) for key, value in said.items()} if isinstance(said, dict) else {}

    @property
    def descriptor(self) -> dict[str, Any]:
        """What another manifest says of it."""
        return {"mediaType": self.media_type, "digest": self.digest, "size": len(self.content)}


def digest_of(content: bytes) -> str:
    """The digest by which a registry knows `content`."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def encoded(document: Mapping[str, Any]) -> bytes:
    """A document as bytes: the same one gives the same digest."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


class Registry:
    """The manifests and blobs of one repository. Every method raises TdiError where the registry does not answer."""

    def __init__(self, repository: Repository) -> None:
        """Of `repository`; the registry is asked once how it wants to be talked to."""
        self.repository = repository
        self._offset = 0.0
        self._client, self._container = self._open()

    def manifest(self, reference: str) -> Manifest | None:
        """The manifest of a tag or digest, or None where there is none."""
        answer = self._ask("GET", self._container.manifest_url(reference), headers={"Accept": _ACCEPT})
        if answer.status_code == _NOT_FOUND:
            return None
        self._check(answer, f"read {reference}")
        media_type = answer.headers.get("Content-Type", "").partition(";")[0]
        digest = digest_of(answer.content)
        if reference.startswith("sha256:") and digest != reference:
            raise TdiError(
                f"The manifest {reference} in {self.repository} is damaged: what is there has the digest {digest}.",
                "Restore the registry's data, or go back to a generation that is whole: tdi production rollback",
            )
        found = Manifest(digest, media_type, answer.content)
        _ = found.document  # one that is no JSON is damaged, whatever is asked of it
        return found

    def put(self, content: bytes, media_type: str, reference: str | None = None) -> str:
        """Write a manifest, by its digest alone or under a tag, and return the digest."""
        digest = digest_of(content)
        where = self._container.manifest_url(reference or digest)
        answer = self._ask("PUT", where, data=content, headers={"Content-Type": media_type})
        self._check(answer, f"write {reference or 'a manifest'}")
        return digest

    def tags(self) -> list[str]:
        """All tags of the repository; none where there is no repository yet."""
        return self._guarded(self._tags)

    def _tags(self) -> list[str]:
        answer = self._client.do_request(f"{self._client.prefix}://{self._container.tags_url()}", "GET")
        if answer.status_code == _NOT_FOUND:
            return []
        self._check(answer, "list the tags")
        return [str(tag) for tag in self._client.get_tags(self._container)]

    def blob(self, digest: str) -> bytes:
        """The content of a blob, by its digest. Raises TdiError where it is missing or is not what its digest says."""
        answer = self._ask("GET", self._container.get_blob_url(digest))
        self._check(answer, f"read the blob {digest}")
        content = bytes(answer.content)
        if len(content) > _MOST_BYTES or digest_of(content) != digest:
            raise TdiError(f"The blob {digest} in {self.repository} is damaged.", "Publish anew, or roll back.")
        return content

    def upload(self, content: bytes, media_type: str) -> dict[str, Any]:
        """Have a small blob in the repository, and return its descriptor."""
        layer = {"mediaType": media_type, "digest": digest_of(content), "size": len(content)}

        def send() -> "requests.Response":
            with tempfile.NamedTemporaryFile(prefix="tdi-blob-") as file:
                file.write(content)
                file.flush()
                answer: requests.Response = self._client.upload_blob(file.name, self._container, layer)
                return answer

        self._check(self._guarded(send), "write a blob")
        return layer

    def artifact(
        self,
        artifact_type: str,
        layers: Sequence[Mapping[str, Any]],
        annotations: Mapping[str, str],
        subject: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """The manifest of something that is no image; it refers to `subject`, where there is one."""
        nothing = self.upload(b"{}", EMPTY)
        document = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": artifact_type,
            "config": nothing,
            "layers": [*layers] or [nothing],
            "annotations": {**annotations},
        }
        return {**document, "subject": {**subject}} if subject else document

    def referrers(self, digest: str) -> list[dict[str, Any]]:
        """The descriptors of what refers to a manifest.

        A registry that has no interface for that keeps them in an index under a tag made of the digest.
        """
        answer = self._ask("GET", f"{self._api}/referrers/{digest}", headers={"Accept": INDEX})
        if answer.ok and "json" in answer.headers.get("Content-Type", ""):
            found = _index(answer.content)
            if found:
                return found
        index = self.manifest(_fallback(digest))
        return _index(index.content) if index else []

    def attach(
        self, subject: Manifest, artifact_type: str, content: bytes, media_type: str, annotations: Mapping[str, str]
    ) -> str:
        """Have an artifact with one blob that refers to `subject`, and return its digest."""
        layer = self.upload(content, media_type)
        document = encoded(self.artifact(artifact_type, [layer], annotations, subject.descriptor))
        where = self._container.manifest_url(digest_of(document))
        answer = self._ask("PUT", where, data=document, headers={"Content-Type": MANIFEST})
        self._check(answer, "write an artifact")
        if "OCI-Subject" not in answer.headers:
            self._keep_in_index(subject, artifact_type, document, annotations)
        return digest_of(document)

    def _keep_in_index(
        self, subject: Manifest, artifact_type: str, document: bytes, annotations: Mapping[str, str]
    ) -> None:
        tag = _fallback(subject.digest)
        former = self.manifest(tag)
        mine = {
            "mediaType": MANIFEST,
            "digest": digest_of(document),
            "size": len(document),
            "artifactType": artifact_type,
            "annotations": {**annotations},
        }
        others = [each for each in (_index(former.content) if former else []) if each["digest"] != mine["digest"]]
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [*others, mine]}
        self.put(encoded(index), INDEX, tag)

    def delete(self, digest: str) -> bool:
        """Delete a manifest, with every tag of it; whether it was there. Raises DeletionRefusedError."""
        answer = self._ask("DELETE", self._container.manifest_url(digest))
        if answer.status_code == _NOT_FOUND:
            return False
        if answer.status_code in _NOT_ALLOWED:
            raise DeletionRefusedError(
                f"The registry {self.repository.host} deletes nothing: it does not allow it.",
                "Allow it in the registry's settings (storage: {delete: {enabled: true}}), or let its own rules prune.",
            )
        self._check(answer, f"delete {digest}")
        return True

    def delete_with_referrers(self, digest: str) -> bool:
        """Delete a manifest and what refers to it: that first, for without the manifest nobody would find it."""
        for each in self.referrers(digest):
            self.delete(str(each["digest"]))
        index = self.manifest(_fallback(digest))
        if index:
            self.delete(index.digest)
        return self.delete(digest)

    def now(self) -> float:
        """The time of the registry's own clock in seconds, as far as its last answer said one."""
        return time.time() + self._offset

    @property
    def _api(self) -> str:
        return str(self._container.manifest_url("x")).removesuffix("/manifests/x")

    def _ask(self, method: str, where: str, **words: Any) -> "requests.Response":
        url = f"{self._client.prefix}://{where}"

        def ask() -> "requests.Response":
            answer: requests.Response = self._client.do_request(url, method, **words)
            return answer

        return self._guarded(ask)

    def _guarded(self, request: Callable[[], _T]) -> _T:
        """What a request gives, the failures of its transport as errors of ours."""
        import requests  # noqa: PLC0415

        try:
            return request()
        except requests.exceptions.SSLError:
            raise self._untrusted() from None
        except requests.exceptions.RequestException as error:
            raise self._unreachable(error) from None
        except (ValueError, AttributeError, KeyError):
            # oras says so where it cannot go on: what the registry answered last says why. Where that is nothing, oras
            # had no credentials, or none of a kind that the registry wants.
            last = getattr(self._client, "answered", None)
            if last is not None:
                self._check(last, "take what it was sent")
            raise self._refused("use it") from None

    def _check(self, answer: "requests.Response", what: str) -> None:
        said = parsedate_to_datetime(answer.headers["Date"]).timestamp() if "Date" in answer.headers else None
        self._offset = said - time.time() if said else self._offset
        if answer.ok:
            return
        if answer.status_code in _REFUSED:
            raise self._refused(what)
        reason = _reason(answer)
        hint = "Look at the registry's log and its disk"
        raise TdiError(f"The registry {self.repository.host} could not {what}: {reason}", f"{hint}, and run it again.")

    def _refused(self, what: str) -> AccessRefusedError:
        return AccessRefusedError(
            f"The registry {self.repository.host} refuses access to {self.repository.name}: it does not let us {what}.",
            f"Log in with an account that may (docker login {self.repository.host}), or mend the credential helper.",
        )

    def _unreachable(self, error: Exception) -> RegistryUnreachableError:
        text = str(error)
        known = {
            "Connection refused": "it refuses connections",
            "Name or service not known": "there is no such host",
            "name resolution": "there is no such host",
            "timed out": "it does not answer",
            "Remote end closed": "it closed the connection",
            "Connection reset": "it closed the connection",
            "Connection aborted": "it closed the connection",
            "unreachable": "there is no way to it",
        }
        why = next((said for key, said in known.items() if key.lower() in text.lower()), type(error).__name__)
        return RegistryUnreachableError(
            f"The registry {self.repository.host} cannot be used: {why}.",
            "Start it or correct its name, and run it again; without a registry (TDI_REGISTRY, production.yml), "
            "production is built here.",
        )

    def _untrusted(self) -> RegistryUnreachableError:
        file = _CERTIFICATES / self.repository.host / "ca.crt"
        return RegistryUnreachableError(
            f"The registry {self.repository.host} is not trusted: nobody known signed its certificate.",
            f"Put the certificate of who signed it where Docker looks for it: {file}",
        )

    def _open(self) -> tuple["Client", "Container"]:
        """A client that talks to the registry as it wants it: with TLS or without, with or without credentials."""
        import requests  # noqa: PLC0415

        host = _HUBS_API if self.repository.host == _HUB else self.repository.host
        trusted = _trusted(self.repository.host)
        insecure = False
        try:
            answer = _get(f"https://{host}/v2/", verify=trusted)
        except requests.exceptions.RequestException as error:
            secured = _speaks_tls(error)
            if secured:
                raise self._untrusted() from None
            try:
                # A registry that speaks no TLS says so by answering to plain HTTP.
                answer = _get(f"http://{host}/v2/", verify=trusted)
            except requests.exceptions.RequestException:
                raise self._unreachable(error) from None
            insecure = True
        if insecure and not self.repository.is_on_loopback:
            raise RegistryUnreachableError(
                f"The registry {self.repository.host} has no TLS, and it is not on this machine's loopback.",
                "Whoever is on the way could give us another production: give the registry a certificate.",
            )
        backend = "basic" if answer.headers.get("Www-Authenticate", "").lower().startswith("basic") else "token"
        client = _client(insecure=insecure, trusted=trusted, backend=backend)
        container = client.get_container(f"{host}/{self.repository.name}")
        _give_credentials(client, self.repository.host, container)
        return client, container


_OK, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND = 200, 401, 403, 404
_FAILED = 500
_REFUSED = {_UNAUTHORIZED, _FORBIDDEN}
_READING = {"GET", "HEAD"}
_NOT_ALLOWED = {400, 405, 501}


def _client(*, insecure: bool, trusted: str | bool, backend: str) -> "Client":
    """An oras client that waits for nothing forever, and tries again what no registry answered."""
    import requests  # noqa: PLC0415
    from oras.logger import setup_logger  # noqa: PLC0415
    from oras.provider import Registry as Client  # noqa: PLC0415

    setup_logger(quiet=True)
    once = Client.do_request.__wrapped__  # without minutes of trying the same again

    class Bounded(Client):
        """Client whose requests end."""

        def do_request(self, url: str, method: str = "GET", *words: Any, **named: Any) -> "requests.Response":
            """Make a request; one that nothing answered is made again, and so is one whose token was for less.

            A reading is made again too where the registry says that it failed itself: while somebody writes a tag, a
            registry that keeps its data in files may find half of it.
            """
            self.answered: requests.Response | None = None
            for pause in (*_AGAIN, None):
                try:
                    answer = once(self, url, method, *words, **named)
                except requests.exceptions.SSLError:
                    raise
                except requests.exceptions.ConnectionError:
                    if pause is None:
                        raise
                    time.sleep(pause)
                    continue
                if answer.status_code in _REFUSED and getattr(self.auth, "token", None):
                    self.auth.token = None
                    named["headers"] = {
                        key: value for key, value in (named.get("headers") or {}).items() if key != "Authorization"
                    }
                    answer = once(self, url, method, *words, **named)
                if answer.status_code >= _FAILED and method in _READING and pause is not None:
                    time.sleep(pause)
                    continue
                self.answered = answer
                return answer  # type: ignore[no-any-return]
            raise AssertionError

    client = Bounded(insecure=insecure, tls_verify=trusted, auth_backend=backend)
    session: Any = client.session
    session.request = partial(session.request, timeout=_SECONDS)
    session.auth = lambda request: request  # requests would look into ~/.netrc
    # What oras takes from the environment are no credentials of Docker.
    client.auth.__dict__.pop("_basic_auth", None)
    return client


def _give_credentials(client: "Client", host: str, container: "Container") -> None:
    """Let the client know what Docker's configuration, or a helper that it names, says of `host`.

    oras looks only into the home directory, and Docker goes by DOCKER_CONFIG.
    """
    from oras.container import Container  # noqa: PLC0415

    directory = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    try:
        said = json.loads((directory / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    auth: Any = client.auth
    # One that is not empty, or oras reads the other file.
    auth._auth_config = {  # noqa: SLF001 (there is no other way to say where the configuration is)
        "auths": said.get("auths") or {},
        "credsStore": said.get("credsStore"),
        "credHelpers": said.get("credHelpers") or {},
    }
    if host == _HUB:
        container = Container(container.api_prefix, registry=_HUBS_KEY)
    auth.load_configs(container)


def _get(url: str, *, verify: str | bool) -> "requests.Response":
    import requests  # noqa: PLC0415

    return requests.get(url, verify=verify, timeout=10, auth=lambda request: request, allow_redirects=False)


def _speaks_tls(error: Exception) -> bool:
    """Whether the other side speaks TLS, and only its certificate was no good."""
    return "certificate verify failed" in str(error).lower() or "hostname" in str(error).lower()


def _trusted(host: str) -> str | bool:
    """What the registry's certificate is to be signed by: Docker's own place for it, else what the system trusts."""
    own = sorted((_CERTIFICATES / host).glob("*.crt")) if (_CERTIFICATES / host).is_dir() else []
    if own:
        return str(own[0])
    if os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE"):
        return True
    return str(_SYSTEMS_CERTIFICATES) if _SYSTEMS_CERTIFICATES.is_file() else True


def _fallback(digest: str) -> str:
    """The tag under which a registry without an interface for it keeps what refers to a manifest."""
    return digest.replace(":", "-")


def _index(content: bytes) -> list[dict[str, Any]]:
    try:
        listed = json.loads(content).get("manifests") or []
    except (ValueError, AttributeError):
        return []
    return [each for each in listed if isinstance(each, dict) and "digest" in each]


def _reason(answer: "requests.Response") -> str:
    """Why a registry did not do something, in its own words."""
    try:
        errors = answer.json()["errors"]
        first = errors[0]
        said = [str(first.get("message") or first.get("code")), *_details(first.get("detail"))]
        return f"{': '.join(said)} ({answer.status_code})"
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        return f"{answer.status_code} {answer.reason}"


def _details(said: Any) -> list[str]:
    """What a registry says besides, in short: words, and the numbers that a system has for what went wrong."""
    if isinstance(said, dict):
        errors = [os.strerror(value) for key, value in said.items() if key == "Err" and isinstance(value, int)]
        inner = [each for value in said.values() if isinstance(value, dict) for each in _details(value)]
        return errors + inner or [value for value in said.values() if isinstance(value, str)][:2]
    return [str(said)[:200]] if said else []


def as_time(seconds: float) -> str:
    """A time as annotations have it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
