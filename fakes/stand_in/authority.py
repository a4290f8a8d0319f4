"""The authority whose certificates the stand-in shows: throwaway, never installed.

Kept in the user's cache folder, readable by the owner alone, and made anew when it is
about to expire. Agents are told of it by their environment only.
"""

from __future__ import annotations

import secrets
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from fakes.cache_folder import cache
from voiceutils.errors import SettingError

__all__ = ["Authority", "authority_in", "default_folder"]

LIFETIME = timedelta(days=90)
# No run takes longer than this.
LEAST_LEFT = timedelta(days=2)
_EARLIER = timedelta(days=1)  # clocks differ between a machine and its containers
_NAME = "busyhour's throwaway authority"
_MOST_HOSTS = 512


class Authority:
    """Signs certificates for hosts.

    Attributes:
        file: the certificate that clients are to trust, as PEM.
        expires: when it does.
    """

    def __init__(self, file: Path, certificate: bytes, key: bytes) -> None:
        self.file = file
        self.expires = x509.load_pem_x509_certificate(certificate).not_valid_after_utc
        self._signer = trustme.CA.from_pem(certificate, key)
        self.context_for = lru_cache(_MOST_HOSTS)(self._context_for)

    def _context_for(self, host: str) -> ssl.SSLContext:
        """Return what a server shows that is this host."""
        now = datetime.now(UTC).replace(tzinfo=None)
        leaf = self._signer.issue_cert(
            host,
            not_before=now - _EARLIER,
            not_after=self.expires.replace(tzinfo=None),
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_alpn_protocols(["http/1.1"])
        leaf.configure_cert(context)
        return context


def default_folder() -> Path:
    """Return where the authority is kept."""
    return cache() / "stand-in"


def authority_in(folder: Path, now: datetime | None = None) -> Authority:
    """Return the authority of a folder, a new one if there is none that lasts.

    Each authority has files of its own, so that whoever serves with one is not
    disturbed when another run makes the next.

    Raises:
        SettingError: the folder cannot be made or written.
    """
    now = now or datetime.now(UTC)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        lasting: list[Authority] = []
        for file, found in _kept(folder):
            if found is None or found.expires <= now:
                _key_of(file).unlink(missing_ok=True)
                file.unlink(missing_ok=True)
            elif found.expires - now >= LEAST_LEFT:
                lasting.append(found)
        if lasting:
            return max(lasting, key=lambda found: (found.expires, found.file.name))
        return _make(folder, now)
    except OSError as error:
        text = f"no authority can be kept in {folder}: {error.strerror or error}"
        raise SettingError(f"{text}; name another folder in BUSYHOUR_CACHE") from error


def _kept(folder: Path) -> Iterator[tuple[Path, Authority | None]]:
    for file in sorted(folder.glob("authority-*.pem")):
        try:
            key = _key_of(file).read_bytes()
            yield file, Authority(file, file.read_bytes(), key)
        except (OSError, ValueError):
            yield file, None  # damaged, or half removed


def _key_of(file: Path) -> Path:
    return file.with_suffix(".key")


def _make(folder: Path, now: datetime) -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _NAME)])
    identity = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLIER)
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(identity, critical=False)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=True,
                crl_sign=True,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file = folder / f"authority-{secrets.token_hex(4)}.pem"
    # The key first: a certificate without its key would be taken for damaged.
    _write(_key_of(file), secret)
    _write(file, pem)
    return Authority(file, pem, secret)


def _write(file: Path, content: bytes) -> None:
    fresh = file.with_name(file.name + ".new")
    fresh.touch(mode=0o600, exist_ok=False)
    fresh.write_bytes(content)
    fresh.replace(file)  # nobody ever sees half of it
