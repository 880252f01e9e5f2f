"""A certificate authority for servers on loopback."""

import datetime
import ipaddress
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


def make_authority(folder: Path) -> ssl.SSLContext:
    """Writes a CA as EKS makes it, without key identifiers, as ca.crt; a server's context with a certificate of it."""
    folder.mkdir(exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "kubernetes")])
    server_name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "kube-apiserver")])
    day = datetime.timedelta(days=1)
    now = datetime.datetime.now(datetime.UTC)

    def certificate(subject: x509.Name, extension: x509.ExtensionType, *, critical: bool) -> bytes:
        builder = x509.CertificateBuilder(ca_name, subject, key.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(now - day).not_valid_after(now + day)
        signed = builder.add_extension(extension, critical=critical).sign(key, hashes.SHA256())
        return signed.public_bytes(serialization.Encoding.PEM)

    ca = certificate(ca_name, x509.BasicConstraints(ca=True, path_length=None), critical=True)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    server = certificate(server_name, x509.SubjectAlternativeName([address]), critical=False)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "ca.crt").write_bytes(ca)
    (folder / "server.pem").write_bytes(server + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return context
