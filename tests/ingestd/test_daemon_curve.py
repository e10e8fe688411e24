"""Who may write, with [security] mode = curve: keys, patterns, revocation, reload. pyzmq is the second implementation
of certificates and of CURVE's client side."""
import os
import re
import shutil
import socket
import subprocess
import time
import unittest

import zmq
import zmq.auth

from curve_daemon import CurveDaemon
from ingest_daemon import SANITIZED, now_ns, wait_for
from ingest_wire import MALFORMED, NOT_AUTHORISED, OK, block, encode_batch, encode_hello

T0 = 1700000000 * 10**9
QUIET_S = 1.5


def scalar(name, value=1.0, t0_ns=T0, **fields):
    return block(name, "f8", [value], times_ns=[t0_ns], **fields)


class CurveCase(unittest.TestCase):
    def start(self, config="", **options):
        daemon = CurveDaemon(config, **options)
        self.addCleanup(daemon.close)
        return daemon

    def assert_nothing(self, client, seconds=QUIET_S):
        self.assertFalse(client.socket.poll(seconds * 1000), "an answer came")

    def wait_stored(self, client, frame, stored):
        client.send(frame)
        client.until(lambda reply: reply.stored == stored)

    def wait_log(self, daemon, pattern):
        return wait_for(lambda: re.search(pattern, daemon.log()), pattern)


class Door(CurveCase):
    def test_known_key_and_pattern(self):
        daemon = self.start(tcp=True)
        pump = daemon.make("pump-7", "plant1/** lab/*")
        daemon.start()
        self.assertEqual(daemon.status("clients"), 1)
        client = daemon.client(pump)
        self.assertEqual(client.hello(5).code, OK)
        self.assertEqual(client.ask(encode_batch([scalar("plant1/a/b"), scalar("lab/x")], session=5, sequence=1)).code, OK)
        client.send(encode_batch([scalar("plant1/a/b", t0_ns=T0 + 1), scalar("lab/x/y"), scalar("secret")],
                                 session=5, sequence=2))
        reply = client.until(lambda reply: reply.sequence == 2)
        self.assertEqual((reply.code, reply.refused_blocks, reply.stored), (NOT_AUTHORISED, 2, 2))
        self.assertIn("series lab/x/y: ", reply.text)
        self.assertEqual(daemon.count("plant1/a/b"), 2, "the good block is applied")
        self.assertFalse(daemon.has("lab/x/y") or daemon.has("secret"))
        self.assertEqual(daemon.refused(NOT_AUTHORISED), 1)
        line, = [line for line in daemon.log().splitlines() if "refused code=NOT_AUTHORISED" in line]
        self.assertIn(' peer=127.0.0.1 session=0000000000000005 sequence=2 series="lab/x/y" certificate="pump-7" ', line)
        # Line protocol is held to the same.
        client.send(b"plant1,x=1 f=1\nother f=1\n")
        reply = client.until(lambda reply: reply.session == 0)
        self.assertEqual((reply.code, reply.refused_blocks), (NOT_AUTHORISED, 1))
        self.assertTrue(daemon.has("plant1/x=1/f"))
        self.assertFalse(daemon.has("other/f"))

    def test_refused_series_are_not_felt_by_others(self):
        """A block that may not be written brings about nothing: neither BUSY for a stamp ahead of a slow clock, nor a
        series' type, nor an answer that tells more than that it may not."""
        daemon = self.start()
        mine, other = daemon.make("mine", "mine/**"), daemon.make("other")
        daemon.start()
        owner = daemon.client(other)
        self.assertEqual(owner.ask(encode_batch([scalar("theirs/x")])).code, OK)
        client = daemon.client(mine)
        for bad in (scalar("theirs/x", t0_ns=2**62), block("theirs/x", "i2", [1], times_ns=[1]), scalar("theirs/new")):
            reply = client.ask(encode_batch([bad, scalar("mine/x", t0_ns=now_ns())]))
            self.assertEqual((reply.code, reply.refused_blocks), (NOT_AUTHORISED, 1))
            self.assertIn("does not allow", reply.text)
        self.assertEqual(daemon.count("mine/x"), 3)
        self.assertEqual(daemon.count("theirs/x"), 1)
        self.assertEqual(client.ask(encode_batch([scalar(".bad")])).code, 5)
        # Two blocks of one series are no batch, whoever sends them.
        self.assertEqual(client.ask(encode_batch([scalar("theirs/x"), scalar("theirs/x")])).code, MALFORMED)

    def test_no_pattern_is_nothing(self):
        daemon = self.start()
        bare = daemon.make("bare", None, email="a@b")
        daemon.start()
        self.assertIn("bare may write nothing", daemon.log())
        client = daemon.client(bare)
        self.assertEqual(client.ask(encode_batch([scalar("a")])).code, NOT_AUTHORISED)
        self.assertFalse(daemon.has("a"))

    def test_unknown_key_gets_nothing_in(self):
        daemon = self.start(tcp=True)
        daemon.make("known")
        stranger = daemon.make("stranger", admit=False)
        daemon.start()
        client, push = daemon.client(stranger), daemon.client(stranger, zmq.PUSH, daemon.pull)
        client.send(encode_batch([scalar("asked")]))
        push.send(encode_batch([scalar("pushed")]))
        self.assert_nothing(client)
        self.assertFalse(daemon.has("asked") or daemon.has("pushed"))
        self.assertEqual(daemon.status("frames"), 0)
        wait_for(lambda: daemon.status("handshakes_refused") >= 2, "both were asked")
        public, _ = zmq.auth.load_certificate(stranger)
        self.wait_log(daemon, r'refused handshake=UNKNOWN_KEY peer=127\.0\.0\.1 key="%s" suppressed=0'
                      % re.escape(public.decode()))
        # It goes on trying by itself, and comes in when its certificate is there.
        shutil.copy(os.path.join(daemon.keys, "stranger.key"), daemon.clients)
        daemon.reload_clients()
        self.assertEqual(client.receive().code, OK)
        daemon.wait_count("asked", 1)
        daemon.wait_count("pushed", 1)
        self.assertEqual(daemon.status("clients"), 2)

    def test_clients_without_curve(self):
        daemon = self.start(tcp=True)
        daemon.make("known")
        daemon.start()
        frame = encode_batch([scalar("stolen")])
        null = daemon.raw_client()
        null.send(frame)
        plain = daemon.raw_client(plain_username=b"admin", plain_password=b"admin")
        plain.send(frame)
        null_push = daemon.raw_client(zmq.PUSH, daemon.pull)
        null_push.send(frame)
        wrong = daemon.client(daemon.make("wrong"), server_key=zmq.curve_keypair()[0])
        wrong.send(frame)
        for client in (null, plain, wrong):
            self.assert_nothing(client, 0.5)
        for mechanism in (b"NULL", b"PLAIN", None):
            self.speak_raw(daemon, mechanism)
        # Who hangs up at once is gone before the daemon has looked who it was, when the machine is busy: slower ones
        # follow.
        refused = r'refused handshake=FAILED peer=127\.0\.0\.1 reason="%s[^"]+" suppressed=\d+\n'
        for pause_s in (0, 0.1, 0.5, 2, 5, 10):
            if re.search(refused % "it does not use CURVE; ", daemon.log()):
                break
            self.speak_raw(daemon, b"NULL", pause_s)
        for reason in ("it does not use CURVE; ", "it has another public key of "):
            self.wait_log(daemon, refused % reason)
        wait_for(lambda: daemon.status("handshakes_failed") >= 4, "all failed")
        self.assertFalse(daemon.has("stolen"))
        self.assertEqual(daemon.status("frames"), 0)
        self.assertLessEqual(daemon.log().count("refused handshake=FAILED"), 40)

    def speak_raw(self, daemon, mechanism, pause_s=0):
        """A greeting of ZMTP 3.0 with that mechanism, or HTTP; until the daemon hangs up."""
        with socket.create_connection(("127.0.0.1", int(daemon.router.split(":")[-1]))) as raw:
            raw.settimeout(30)
            time.sleep(pause_s)
            if mechanism:
                raw.sendall(b"\xff" + bytes(8) + b"\x7f\3\0" + mechanism.ljust(20, b"\0") + bytes(32))
            else:
                raw.sendall(b"GET / HTTP/1.1\r\n\r\n" * 20)
            try:
                while raw.recv(100):
                    pass
            except ConnectionResetError:
                pass

    def test_every_endpoint_and_transport(self):
        for tcp in (False, True):
            daemon = self.start(tcp=tcp, routers=2, pulls=2)
            key = daemon.make("gate")
            daemon.start()
            for number, endpoint in enumerate(daemon.routers + daemon.pulls):
                kind = zmq.PUSH if endpoint in daemon.pulls else zmq.DEALER
                daemon.raw_client(kind, endpoint).send(encode_batch([scalar("null/%d" % number)]))
                daemon.client(key, kind, endpoint).send(encode_batch([scalar("curve/%d" % number)]))
            for number in range(4):
                daemon.wait_count("curve/%d" % number, 1)
            self.assertFalse(daemon.has("null"))
            self.assertFalse(os.path.exists(daemon.series_folder("null")))

    def test_log_is_limited(self):
        daemon = self.start(tcp=True)
        stranger = daemon.make("stranger", admit=False)
        daemon.start()
        self.assertIn("no gateway may connect", daemon.log())
        clients = [daemon.client(stranger) for _ in range(60)]
        self.assertEqual(len(clients), 60)
        wait_for(lambda: daemon.status("handshakes_refused") >= 60, "all were refused")
        self.assertLess(daemon.log().count("handshake=UNKNOWN_KEY"), 30)


class Sessions(CurveCase):
    def test_a_session_belongs_to_its_key(self):
        daemon = self.start()
        first, second = daemon.make("first", "a/**"), daemon.make("second", "b/**")
        daemon.start()
        one, two = daemon.client(first), daemon.client(second)
        self.assertEqual(one.hello(77).code, OK)
        self.wait_stored(one, encode_batch([scalar("a/x")], session=77, sequence=1), 1)
        # The other can neither move the marks, nor take the answers away, nor use up numbers.
        for frame in (encode_hello(77, 1000, b"thief"), encode_batch([scalar("b/x")], session=77, sequence=2)):
            two.send(frame)
            reply = two.until(lambda reply: reply.code != OK)
            self.assertEqual((reply.code, reply.session, reply.sequence, reply.stored, reply.durable),
                             (NOT_AUTHORISED, 0, 0, 0, 0))
            self.assertIn("another gateway's key", reply.text)
        self.assertFalse(daemon.has("b/x"))
        self.wait_stored(one, encode_batch([scalar("a/x", t0_ns=T0 + 1)], session=77, sequence=2), 2)
        self.assertEqual(daemon.count("a/x"), 2)
        # Another connection with the same key goes on with it.
        self.assertEqual(daemon.client(first).hello(77, 3).stored, 2)
        # A new key in the place of the old one inherits the session: its queue is not lost.
        os.remove(os.path.join(daemon.keys, "first.key"))
        os.remove(os.path.join(daemon.keys, "first.key_secret"))
        os.remove(os.path.join(daemon.clients, "first.key"))
        renewed = daemon.client(daemon.make("first", "a/**"))
        daemon.reload_clients()
        self.assertEqual(renewed.hello(77, 3).stored, 2)
        self.wait_stored(renewed, encode_batch([scalar("a/x", t0_ns=T0 + 2)], session=77, sequence=3), 3)

    def test_a_session_belongs_to_its_key_after_a_restart(self):
        """Whoever knows its number and is there first could call all that its gateway still holds durable."""
        daemon = self.start()
        first, second = daemon.make("first", "a/**"), daemon.make("second", "b/**")
        daemon.start()
        self.wait_stored(daemon.client(first), encode_batch([scalar("a/x")], session=77, sequence=1), 1)
        for life, end in enumerate((daemon.kill, daemon.stop, daemon.kill)):
            with self.subTest(life=life):
                end()
                daemon.start()
                thief = daemon.client(second)
                for frame in (encode_hello(77, 1000, b"thief"), encode_batch([scalar("b/x")], session=77, sequence=2)):
                    thief.send(frame)
                    reply = thief.receive()
                    self.assertEqual((reply.code, reply.session, reply.stored, reply.durable), (NOT_AUTHORISED, 0, 0, 0))
        one = daemon.client(first)
        self.assertEqual(one.hello(77, 2).stored, 1)
        self.wait_stored(one, encode_batch([scalar("a/x", t0_ns=T0 + 1)], session=77, sequence=2), 2)
        self.assertEqual(daemon.count("a/x"), 2)
        # Should its key be gone meanwhile, the next one inherits it, as without a restart; and that holds in turn.
        daemon.kill()
        os.remove(os.path.join(daemon.clients, "first.key"))
        daemon.start()
        self.assertEqual(daemon.client(second).hello(77, 3).stored, 2)
        daemon.kill()
        shutil.copy(os.path.join(daemon.keys, "first.key"), daemon.clients)
        daemon.start()
        late = daemon.client(first)
        late.send(encode_hello(77, 3))
        self.assertEqual(late.receive().code, NOT_AUTHORISED)

    def test_many_sessions_over_a_restart(self):
        """There are 1,024 rows: the sessions that began last."""
        daemon = self.start()
        first, second = daemon.make("first"), daemon.make("second")
        daemon.start()
        one = daemon.client(first)
        for session in range(1, 1031):
            one.send(encode_hello(session, 1))
        for _ in range(1, 1031):
            self.assertEqual(one.receive().code, OK)
        daemon.kill()
        daemon.start()
        other = daemon.client(second)
        for session, code in ((7, NOT_AUTHORISED), (1030, NOT_AUTHORISED), (500, NOT_AUTHORISED), (3, OK)):
            other.send(encode_hello(session, 1))
            self.assertEqual(other.receive().code, code, session)


class Revocation(CurveCase):
    def revoke(self, how):
        daemon = self.start(tcp=True)
        gone, stays = daemon.make("gone"), daemon.make("stays")
        daemon.start()
        client, other = daemon.client(gone), daemon.client(stays)
        push = daemon.client(gone, zmq.PUSH, daemon.pull)
        self.assertEqual(client.ask(encode_batch([scalar("a", t0_ns=T0)], session=3, sequence=1)).stored, 1)
        self.assertEqual(other.ask(encode_batch([scalar("b", t0_ns=T0)])).code, OK)
        push.send(encode_batch([scalar("p", t0_ns=T0)]))
        daemon.wait_count("p", 1)
        monitor = client.socket.get_monitor_socket(zmq.EVENT_DISCONNECTED | zmq.EVENT_HANDSHAKE_FAILED_AUTH)
        how(daemon)
        daemon.reload_clients()
        client.send(encode_batch([scalar("a", t0_ns=T0 + 1)], session=3, sequence=2))
        push.send(encode_batch([scalar("p", t0_ns=T0 + 1)]))
        reply = client.until(lambda reply: reply.code != OK)
        self.assertEqual((reply.code, reply.session, reply.sequence), (NOT_AUTHORISED, 0, 0))
        self.assertIn("is not authorised any more", reply.text)
        self.assertTrue(monitor.poll(20000), "the connection is cut")
        wait_for(lambda: daemon.status("frames_cut") == 2, "both frames are cut off")
        wait_for(lambda: daemon.status("handshakes_refused") >= 2, "they try again, and are refused")
        self.assertEqual((daemon.count("a"), daemon.count("p")), (1, 1), "nothing of it is applied")
        self.assertEqual(other.ask(encode_batch([scalar("b", t0_ns=T0 + 1)])).code, OK, "others go on")
        client.socket.disable_monitor()
        monitor.close()
        return daemon, client, gone

    def test_file_gone(self):
        daemon, client, key = self.revoke(lambda daemon: os.remove(os.path.join(daemon.clients, "gone.key")))
        self.wait_log(daemon, "handshake=UNKNOWN_KEY peer=127.0.0.1")
        # What it kept comes in when its certificate is back.
        shutil.copy(os.path.join(daemon.keys, "gone.key"), daemon.clients)
        daemon.reload_clients()
        again = daemon.client(key)
        self.wait_stored(again, encode_batch([scalar("a", t0_ns=T0 + 1)], session=3, sequence=2), 2)

    def test_marked_as_revoked(self):
        def mark(daemon):
            path = os.path.join(daemon.clients, "gone.key")
            with open(path) as file:
                text = file.read()
            with open(path, "w") as file:
                file.write(text.replace("metadata\n", "metadata\n    revoked = yes\n"))

        daemon, _, key = self.revoke(mark)
        self.wait_log(daemon, r'handshake=REVOKED_KEY peer=127\.0\.0\.1 certificate="gone" key="')
        # It is told so, and does not try again.
        late = daemon.client(key)
        monitor = late.socket.get_monitor_socket(zmq.EVENT_HANDSHAKE_FAILED_AUTH)
        self.assertTrue(monitor.poll(20000))
        late.socket.disable_monitor()
        monitor.close()

    def test_backup_of_a_certificate_opens_nothing(self):
        def keep_backup(daemon):
            path = os.path.join(daemon.clients, "gone.key")
            os.rename(path, path + "~")

        self.revoke(keep_backup)

    def test_changed_patterns(self):
        daemon = self.start()
        key = daemon.make("gate", "a/*")
        daemon.start()
        client = daemon.client(key)
        self.assertEqual(client.ask(encode_batch([scalar("b/x")])).code, NOT_AUTHORISED)
        path = os.path.join(daemon.clients, "gate.key")
        with open(path) as file:
            text = file.read()
        with open(path, "w") as file:
            file.write(text.replace("a/*", "b/*"))
        daemon.reload_clients()
        self.assertEqual(client.ask(encode_batch([scalar("b/x")])).code, OK)
        self.assertEqual(client.ask(encode_batch([scalar("a/x")])).code, NOT_AUTHORISED)


class Mistakes(CurveCase):
    def refuse(self, daemon, *patterns, code=78):
        """Neither a start nor --check-config takes it."""
        for arguments in ((), ("--check-config",)):
            got, _, text = daemon.run(*arguments)
            self.assertEqual(got, code, text)
            for pattern in patterns:
                self.assertRegex(text, pattern)
        self.assertFalse(os.path.exists(daemon.router.replace("ipc://", "")), "nothing was bound")

    def where(self, daemon, key):
        """How a message names the key: file, line, section."""
        with open(daemon.config_path) as file:
            line = [text.split(" ")[0] for text in file.read().split("\n")].index(key) + 1
        return r"error: %s:%d: \[security\] %s: " % (re.escape(daemon.config_path), line, key)

    def write(self, daemon, name, text, mode=0o644):
        path = os.path.join(daemon.clients, name)
        with open(path, "w") as file:
            file.write(text)
        os.chmod(path, mode)
        return path

    def test_bad_certificates(self):
        daemon = self.start()
        daemon.make("good")
        key = zmq.curve_keypair()[0].decode()

        def good(write):
            return 'metadata\n    write = "%s"\ncurve\n    public-key = "%s"\n' % (write, key)

        for text, pattern in (("junk\n", "bad.key:1: no section of a certificate"),
                              ("", "bad.key: has no public key"),
                              (good("a/** b//c"), r"bad.key:2: write: 'b//c' can match no name"),
                              (good("a").replace("write", "revoked"), "bad.key:2: revoked: \"a\" is neither yes nor no"),
                              (good("a") + '    secret-key = "%s"\n' % key, "bad.key:5: a secret key|bad.key: holds a secret"),
                              (good("a") + "    x = y\n", "bad.key:5: an entry of curve")):
            with self.subTest(text):
                self.write(daemon, "bad.key", text)
                self.refuse(daemon, pattern)
        os.remove(self.write(daemon, "bad.key", ""))
        with self.subTest("others may write it"):
            path = self.write(daemon, "open.key", good("a"), 0o666)
            self.refuse(daemon, "open.key: others may write it; chmod o-w ")
            os.remove(path)
        with self.subTest("others may write the folder"):
            os.chmod(daemon.clients, 0o757)
            self.refuse(daemon, "others may put certificates there; chmod o-w ")
            os.chmod(daemon.clients, 0o755)
        with self.subTest("one key twice"):
            shutil.copy(os.path.join(daemon.clients, "good.key"), os.path.join(daemon.clients, "twin"))
            self.refuse(daemon, "(good and twin|twin and good) have the same key")
            os.remove(os.path.join(daemon.clients, "twin"))
        # What is no certificate by its name is left alone.
        os.mkdir(os.path.join(daemon.clients, "folder"))
        for name in (".hidden", "x.key~", "x.key_secret"):
            self.write(daemon, name, "junk\n")
        self.assertEqual(daemon.run("--check-config")[0], 0)

    def test_bad_keys_of_the_daemon(self):
        daemon = self.start()
        daemon.make("good")
        os.chmod(daemon.server_key_file, 0o604)
        at = self.where(daemon, "server_key_file")
        self.refuse(daemon, at + ".*server.key_secret: holds a secret key.*chmod 600 ")
        os.chmod(daemon.server_key_file, 0o600)
        with open(daemon.server_key_file) as file:
            text = file.read()
        other = zmq.curve_keypair()[0].decode()
        with open(daemon.server_key_file, "w") as file:
            file.write(re.sub('public-key = ".*"', lambda _: 'public-key = "%s"' % other, text))
        code, _, said = daemon.run()
        self.assertEqual(code, 78)
        self.assertRegex(said, at + ".*server.key_secret: the public key is not that of the secret key")
        os.remove(daemon.server_key_file)
        self.refuse(daemon, at + ".*server.key_secret: No such file")
        daemon.server_key_file = os.path.join(daemon.folder, "server.key")
        daemon.configure(daemon.curve_config())
        self.refuse(daemon, "server.key: holds no secret key")

    def test_no_folder(self):
        daemon = self.start()
        shutil.rmtree(daemon.clients)
        self.refuse(daemon, self.where(daemon, "clients_dir") + ".*clients: No such file or directory")

    def test_reload_with_a_mistake_changes_nothing(self):
        daemon = self.start()
        key, stranger = daemon.make("good"), daemon.make("stranger", admit=False)
        daemon.start()
        client = daemon.client(key)
        self.assertEqual(client.ask(encode_batch([scalar("a")])).code, OK)
        os.remove(os.path.join(daemon.clients, "good.key"))
        shutil.copy(os.path.join(daemon.keys, "stranger.key"), daemon.clients)
        self.write(daemon, "bad.key", "junk\n")
        daemon.reload_clients()
        self.assertIn("bad.key:1: no section of a certificate", daemon.log())
        self.assertRegex(daemon.log(), "reload: .* stays in force")
        self.assertEqual(client.ask(encode_batch([scalar("a", t0_ns=T0 + 1)])).code, OK)
        outside = daemon.client(stranger)
        outside.send(encode_batch([scalar("stolen")]))
        self.assert_nothing(outside, 0.5)
        # The mode cannot be reloaded away.
        os.remove(os.path.join(daemon.clients, "bad.key"))
        daemon.reload("[security]\nmode = none\n")
        self.assertIn("[security] mode: needs a restart", daemon.log())
        daemon.raw_client().send(encode_batch([scalar("stolen")]))
        self.assertEqual(outside.receive().code, OK, "the certificates were read again")
        time.sleep(0.3)
        self.assertEqual(daemon.count("stolen"), 1)

    @unittest.skipIf(SANITIZED, "the sanitizer's own library must be the first one")
    def test_libzmq_without_curve(self):
        daemon = self.start()
        daemon.make("good")
        daemon.environment["LD_PRELOAD"] = os.path.join(os.environ["INGEST_BUILD"], "tests", "ingestd", "libno_curve.so")
        environment = dict(os.environ, **daemon.environment)
        for arguments, code in (((), 78), (("--keygen", os.path.join(daemon.folder, "new.key")), 69)):
            done = subprocess.run(daemon.command(*arguments), capture_output=True, text=True, timeout=60, env=environment)
            self.assertEqual(done.returncode, code, done.stderr)
            self.assertIn("this libzmq was built without CURVE", done.stderr)
        self.assertFalse(os.path.exists(os.path.join(daemon.folder, "new.key")))

    def test_keys_without_the_mode(self):
        daemon = self.start()
        daemon.configure(daemon.curve_config().replace("curve\n", "none\n"))
        daemon.start()
        self.assertIn("mode = none: server_key_file and clients_dir are not used", daemon.log())


if __name__ == "__main__":
    unittest.main()
