"""An SMTP server for tests that plays everybody else's mail host and keeps what it gets.

    sink = Sink(refuse=['nobody@far.test'])
    sink.wait(2)        # the second message: (sender, recipients, bytes); senders without <>

`refuse` are recipients it does not know; `refuse_all` refuses every one.
"""
import re, socketserver, threading
from posthouse import wait_until


class Handler(socketserver.StreamRequestHandler):
    def say(self, line):
        self.wfile.write(line.encode() + b'\r\n')

    def handle(self):
        self.say('220 sink')
        self.begin(None)
        for line in iter(self.rfile.readline, b''):
            text = line.decode('utf-8', 'replace').rstrip('\r\n')
            if text.upper() == 'QUIT':
                return self.say('221 bye')
            getattr(self, 'on_' + text[:4].strip().lower(), self.other)(text)

    def begin(self, sender):
        self.sender, self.rcpts = sender, []

    def other(self, line):
        self.say('250 ok')

    def on_ehlo(self, line):
        self.say('250-sink\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-DSN\r\n250 PIPELINING')

    def on_mail(self, line):
        self.begin(re.search('<(.*?)>', line)[1])
        self.say('250 ok')

    def on_rcpt(self, line):
        address, sink = re.search('<(.*?)>', line)[1], self.server.sink
        if sink.refuse_all or address in sink.refuse:
            return self.say('550 5.1.1 no such user')
        self.rcpts.append(address)
        self.say('250 ok')

    def on_data(self, line):
        if not self.rcpts:
            return self.say('554 no recipients')
        self.say('354 go on')
        data = []
        for piece in iter(self.rfile.readline, b''):
            if piece == b'.\r\n':
                with self.server.sink.lock:
                    self.server.sink.got.append((self.sender, self.rcpts, b''.join(data)))
                return self.say('250 kept')
            data.append(piece[1:] if piece.startswith(b'.') else piece)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, address):
        pass  # the client went away, as killed ones do


class Sink:
    def __init__(self, refuse=()):
        self.got, self.refuse, self.refuse_all, self.lock = [], set(refuse), False, threading.Lock()
        self.server = Server(('127.0.0.1', 0), Handler)
        self.server.sink = self
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def wait(self, n, seconds=20):
        wait_until(f'{n} messages at the sink', seconds, lambda: len(self.got) >= n)
        return self.got[n - 1]

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
