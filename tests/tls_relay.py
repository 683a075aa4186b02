"""TLS in front of a PostgreSQL server that was built without: the wheel's is.

A relay speaks the protocol's own negotiation of TLS with the client and hands what it decrypts to the server. So the
client's half, libpq's, is the real one, certificates and names are checked by it, and only the server's half is OpenSSL
by way of Python.
"""

import contextlib
import socket
import ssl
import struct
import threading

TLS_REQUEST, GSS_REQUEST = 80877103, 80877104


class TlsRelay:
    """Listens on a port, takes TLS alone, and passes all on to a socket in a folder.

    Args:
        target: Path of the server's socket.
        certificate, key: Paths of what it shows.
    """

    def __init__(self, target, certificate, key):
        self._target = str(target)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.offers = True  # or say, as a server without TLS does, that there is none
        self.handshakes = 0
        self.in_clear = set()  # kinds of what clients sent that was not encrypted
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=(self._listener.accept()[0],), daemon=True).start()

    def _serve(self, plain):
        with contextlib.suppress(OSError), plain:
            while (kind := self._request(plain)) == GSS_REQUEST:
                plain.sendall(b"N")
            if kind != TLS_REQUEST:
                return
            plain.sendall(b"S" if self.offers else b"N")
            if not self.offers:
                return
            with self._context.wrap_socket(plain, server_side=True) as client, socket.socket(socket.AF_UNIX) as server:
                self.handshakes += 1
                server.connect(self._target)
                threading.Thread(target=_pass_on, args=(server, client), daemon=True).start()
                _pass_on(client, server)

    def _request(self, plain):
        head = plain.recv(8)
        kind = struct.unpack("!ii", head)[1] if len(head) == 8 else None
        self.in_clear |= {kind} - {None}
        return kind


def _pass_on(source, sink):
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)
