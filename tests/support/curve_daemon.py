"""A daemon that asks for keys, and clients that have some. pyzmq makes the certificates: it is the second implementation
of them and of CURVE's client side.

    daemon = CurveDaemon()
    key = daemon.make("pump-7", "plant1/**")
    daemon.start()
    daemon.client(key).ask(...)
"""

import os
import re
import shutil
import subprocess

import zmq
import zmq.auth

from ingest_daemon import Client, Daemon, program


def keygen(path):
    done = subprocess.run([program("ingestd"), "--keygen", path], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return re.match("public key: (.{40})\n$", done.stdout)[1].encode()


class CurveDaemon(Daemon):
    """A daemon with its key in folder/server.key and gateways' certificates in folder/clients."""

    def __init__(self, config="", **options):
        super().__init__("", **options)
        self.clients = os.path.join(self.folder, "clients")
        self.keys = os.path.join(self.folder, "keys")
        self.server_key_file = os.path.join(self.folder, "server.key_secret")
        os.mkdir(self.clients)
        os.mkdir(self.keys)
        self.server_key = keygen(os.path.join(self.folder, "server.key"))
        self.rules = config
        self.configure(self.curve_config())

    def curve_config(self):
        return "[security]\nmode = curve\nserver_key_file = %s\nclients_dir = %s\n%s" % (
            self.server_key_file, self.clients, self.rules)

    def make(self, name, write="**", admit=True, **metadata):
        """A gateway's certificate, by pyzmq."""
        if write is not None:
            metadata["write"] = write
        public, secret = zmq.auth.create_certificates(self.keys, name)
        os.chmod(secret, 0o600)  # pyzmq leaves it to the umask
        with open(public) as file:
            text = file.read()
        with open(public, "w") as file:  # pyzmq writes the section, and in some versions not what is in it
            file.write(text.replace("metadata\n", "metadata\n" + "".join("    %s = %s\n" % item for item in metadata.items())))
        if admit:
            shutil.copy(public, self.clients)
        return os.path.join(self.keys, name + ".key_secret")

    def client(self, key_file, kind=zmq.DEALER, endpoint=None, server_key=None):
        public, secret = zmq.auth.load_certificate(key_file)
        return self.raw_client(kind, endpoint, curve_publickey=public, curve_secretkey=secret,
                               curve_serverkey=server_key or self.server_key)

    def raw_client(self, kind=zmq.DEALER, endpoint=None, **settings):
        """Options go before connect."""
        client = Client.__new__(Client)
        client.socket = zmq.Context.instance().socket(kind)
        client.socket.linger = 0
        client.socket.handshake_ivl = 1000
        client.socket.reconnect_ivl = 100
        for name, value in settings.items():
            setattr(client.socket, name, value)
        client.socket.connect(endpoint or self.router)
        client.name = b"test"
        self._clients.append(client)
        return client

    def reload_clients(self):
        self.reload(self.curve_config())
