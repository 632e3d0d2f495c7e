"""Protocol scripts: one case a file, readable by someone who knows the protocol and not our code.

    title: A message for a local mailbox is stored
    config:                             # added to the instance's configuration
        [smtp]
        recipients = 3
    setup: account add carol@local.test # posthouse commands before the server starts; {CAROL_PW} ...
    dns: example.net MX 10 mx.example.net

    client c mx                         # an actor: connects to the listener "mx"
        < 220 *                         # expects one line; * matches anything
        > EHLO client.test              # sends one line (CRLF is added)
        <* 250                          # expects a whole reply with this code
        <has 250 PIPELINING             # the last whole reply had this line
        <hasnot 250 CHUNKING
        <count 3 250                    # that many whole replies with this code
        >raw A\\r\\n.\\r\\n             # exactly these bytes; \\r \\n \\0 \\t \\xNN \\\\
        >repeat 1000 x                  # the text that many times, nothing added
        >file NAME                      # a file beside the script, as it is
        >data NAME                      # a message: lines, dot-stuffed, with the final dot
        >auth plain alice@local.test    # AUTH with the password of an account made by setup
        tls                             # starts TLS now
        tls fails                       # the same, and the other side does not like it
        <eof                            # the other side closes
        !eof 1                          # it stays open for this many seconds
        wait 0.2
        sync NAME                       # a barrier: all actors that name it go on together
    server backend                      # an actor: listens (address in {backend}); one connection a block
        ...same lines, the script plays the server
        $ posthouse reload              # a command, also between the lines of an actor; its output is not looked at
    after                               # runs when all actors have ended
        $ posthouse queue list --json   # a command; the next lines match its output
        = *"messages": 1*               # some line of the output matches
        != *error*                      # none does
        $mail bob@local.test 1          # waits until the mailbox has so many messages; = matches the newest
        $queue 0                        # waits until so many recipients are queued

Variables in braces: {backend} 127.0.0.1:PORT of a server actor, {serverport:backend} its port, {port:mx} of a listener, {NAME} as set by
the runner. An actor's failure names the line.
"""
import fnmatch, re, select, shlex, socket, ssl, subprocess, threading, time, base64

LIMIT = 15.0  # seconds that one expectation may take


class Failed(Exception):
    pass


class Line:
    def __init__(self, number, text):
        self.number, self.text = number, text
        self.verb, _, self.rest = text.partition(' ')


class Block:
    def __init__(self, head, number):
        self.words, self.number, self.lines = head.split(), number, []


class Case:
    """A parsed script file."""

    def __init__(self, path):
        self.path, self.title, self.config, self.setup, self.dns, self.blocks, self.needs = path, '', [], [], [], [], []
        where = None
        for number, raw in enumerate(open(path, encoding='utf-8'), 1):
            text = raw.rstrip('\n')
            if not text.strip() or text.lstrip().startswith('# '):
                continue
            if text[0] in ' \t':
                if where is None:
                    raise Failed(f'{path}:{number}: indented line without a head')
                where.append(text.strip() if where is self.config else Line(number, text.strip()))
                continue
            key, _, value = text.partition(':')
            if key in ('title', 'setup', 'dns', 'needs') and not text.startswith(('client', 'server')):
                if key == 'title':
                    self.title = value.strip()
                else:
                    getattr(self, key).append(value.strip())
                where = None
            elif text == 'config:':
                where = self.config
            else:
                block = Block(text, number)
                self.blocks.append(block)
                where = block.lines
        if not self.title:
            raise Failed(f'{path}: no title')


def unescape(text):
    return re.sub(rb'\\(x[0-9a-fA-F]{2}|.)', lambda m: {b'r': b'\r', b'n': b'\n', b't': b'\t', b'0': b'\0', b'\\': b'\\'}.get(
        m.group(1)) or bytes([int(m.group(1)[1:], 16)]), text.encode())


def matches(pattern, line):
    """'*' is the only wildcard."""
    return fnmatch.fnmatchcase(line, re.sub(r'([\[\]?])', r'[\1]', pattern))


class Stream:
    """A socket read by lines, with deadlines."""

    def __init__(self, sock):
        self.sock, self.buf = sock, b''

    def _more(self, seconds):
        pending = isinstance(self.sock, ssl.SSLSocket) and self.sock.pending()
        if not pending and not select.select([self.sock], [], [], seconds)[0]:
            raise Failed('nothing came')
        try:
            got = self.sock.recv(65536)
        except (ConnectionError, ssl.SSLError) as e:
            raise EOFError(str(e)) from e
        if not got:
            raise EOFError('closed')
        self.buf += got

    def line(self):
        end = time.monotonic() + LIMIT
        while b'\n' not in self.buf:
            self._more(max(0, end - time.monotonic()))
        line, _, self.buf = self.buf.partition(b'\n')
        return line.rstrip(b'\r').decode('utf-8', 'replace')

    def eof(self):
        end = time.monotonic() + LIMIT
        try:
            while True:
                self._more(max(0, end - time.monotonic()))
        except EOFError:
            return
        except Failed:
            raise Failed('still open') from None

    def stays_open(self, seconds):
        try:
            self._more(seconds)
        except Failed:
            return
        except EOFError:
            raise Failed('was closed') from None

    def start_tls(self, context, server):
        self.sock.settimeout(LIMIT)
        self.sock = context.wrap_socket(self.sock, server_side=server, server_hostname=None)
        self.buf = b''


class Actor(threading.Thread):
    """One block of a script on its own connection."""

    def __init__(self, run, block):
        super().__init__(daemon=True)
        self.run_, self.block, self.reply, self.error = run, block, [], None
        self.stream = None

    def run(self):
        line = Line(self.block.number, ' '.join(self.block.words))
        try:
            self.connect()
            for line in self.block.lines:
                self.step(line)
        except EOFError as e:
            self.error = f'{self.run_.case.path}:{line.number}: {line.text}: connection closed ({e})'
        except (Failed, OSError) as e:
            self.error = f'{self.run_.case.path}:{line.number}: {line.text}: {e}'
        finally:
            if self.stream:
                self.stream.sock.close()
            self.run_.barrier_left()

    def connect(self):
        kind, name = self.block.words[0], self.block.words[1]
        if kind == 'server':
            listener = self.run_.listeners[name]
            self.run_.wait_turn(self.block)
            listener.settimeout(LIMIT * 2)
            try:
                self.stream = Stream(listener.accept()[0])
            finally:
                self.run_.turn_over(self.block)
            return
        port = self.run_.port(self.block.words[2])
        self.stream = Stream(socket.create_connection(('127.0.0.1', port), LIMIT))
        if 'tls' in self.block.words[3:]:
            self.stream.start_tls(self.run_.client_tls, False)

    def step(self, line):
        verb, rest = line.verb, self.run_.expand(line.rest)
        handler = {'<': self.expect_line, '<*': self.expect_reply, '<has': self.expect_has, '<hasnot': self.expect_hasnot,
                   '<count': self.expect_count, '>': self.send_line, '>raw': self.send_raw, '>repeat': self.send_repeat,
                   '>file': self.send_file, '>data': self.send_data, '>auth': self.send_auth, 'tls': self.tls,
                   '<eof': lambda r: self.stream.eof(), '!eof': lambda r: self.stream.stays_open(float(r)),
                   'wait': lambda r: time.sleep(float(r)), 'sync': self.run_.sync, 'close': lambda r: self.stream.sock.close(),
                   '$': self.run_.command_step}.get(verb)
        if not handler:
            raise Failed('unknown verb')
        handler(rest)

    def send(self, data):
        try:
            self.stream.sock.sendall(data)
        except ConnectionError as e:
            raise EOFError(str(e)) from e

    def send_line(self, rest):
        self.send(rest.encode() + b'\r\n')

    def send_raw(self, rest):
        self.send(unescape(rest))

    def send_repeat(self, rest):
        count, _, text = rest.partition(' ')
        self.send(unescape(text) * int(count))

    def send_file(self, rest):
        self.send(open(self.run_.beside(rest), 'rb').read())

    def send_data(self, rest):
        text = open(self.run_.beside(rest), 'rb').read().replace(b'\r\n', b'\n').split(b'\n')
        if text[-1] == b'':
            text.pop()
        self.send(b''.join((b'.' if t.startswith(b'.') else b'') + t + b'\r\n' for t in text) + b'.\r\n')

    def send_auth(self, rest):
        mechanism, login = rest.split()
        if mechanism != 'plain':
            raise Failed('only plain')
        secret = base64.b64encode(f'\0{login}\0{self.run_.password}'.encode()).decode()
        self.send_line('AUTH PLAIN ' + secret)

    def expect_line(self, rest):
        got = self.stream.line()
        if not matches(rest, got):
            raise Failed(f'got: {got}')

    def read_reply(self):
        self.reply = []
        while True:
            self.reply.append(self.stream.line())
            if len(self.reply[-1]) < 4 or self.reply[-1][3] != '-':
                return self.reply[-1][:3]

    def expect_reply(self, rest):
        code, _, pattern = rest.partition(' ')
        got = self.read_reply()
        if not matches(code, got) or pattern and not matches(pattern, self.reply[-1][4:]):
            raise Failed('got: ' + ' | '.join(self.reply))

    def _reply_has(self, rest):
        code, _, pattern = rest.partition(' ')
        return any(r[:3] == code and matches(pattern, r[4:]) for r in self.reply)

    def expect_has(self, rest):
        if not self._reply_has(rest):
            raise Failed('reply was: ' + ' | '.join(self.reply))

    def expect_hasnot(self, rest):
        if self._reply_has(rest):
            raise Failed('reply was: ' + ' | '.join(self.reply))

    def expect_count(self, rest):
        count, code = rest.split()
        for i in range(int(count)):
            if self.read_reply() != code:
                raise Failed(f'reply {i + 1}: ' + ' | '.join(self.reply))

    def tls(self, rest):
        server = self.block.words[0] == 'server'
        if rest == 'fails':
            try:
                self.stream.start_tls(self.run_.server_tls if server else self.run_.client_tls, server)
            except (ssl.SSLError, ConnectionError):
                return
            raise Failed('the handshake went well')
        self.stream.start_tls(self.run_.server_tls if server else self.run_.client_tls, server)


class Run:
    """One case on its own instance."""

    def __init__(self, case, make_instance, cert):
        self.case, self.make_instance, self.password = case, make_instance, 'correct horse 7'
        self.listeners, self.output, self.mail, self.variables = {}, [], None, {}
        self.barriers, self.accepted, self.lock = {}, [], threading.Condition()
        self.client_tls = ssl.create_default_context()
        self.client_tls.check_hostname, self.client_tls.verify_mode = False, ssl.CERT_NONE
        self.server_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server_tls.load_cert_chain(*cert)

    def port(self, listener):
        return self.instance.ports[listener]

    def expand(self, text):
        def value(m):
            name = m.group(1)
            if name.startswith('port:'):
                return str(self.port(name[5:]))
            if name.startswith('serverport:'):
                return str(self.listeners[name[11:]].getsockname()[1])
            if name in self.listeners:
                return '127.0.0.1:%d' % self.listeners[name].getsockname()[1]
            return self.variables.get(name, m.group(0))
        return re.sub(r'\{([A-Za-z0-9_:-]+)\}', value, text)

    def beside(self, name):
        import os
        return os.path.join(os.path.dirname(self.case.path), name)

    def sync(self, name):
        with self.lock:
            b = self.barriers[name]
            b['arrived'] += 1
            self.lock.notify_all()
            if not self.lock.wait_for(lambda: b['arrived'] >= b['want'] or self.broken, LIMIT * 2) or self.broken:
                raise Failed('the others did not come')

    def wait_turn(self, block):
        """The blocks of one server take connections in the order in which they stand."""
        before = [b for b in self.case.blocks if b.words[:2] == block.words[:2] and b.number < block.number]
        with self.lock:
            if not self.lock.wait_for(lambda: all(b in self.accepted for b in before) or self.broken, LIMIT * 4) or self.broken:
                raise Failed('an earlier connection did not come')

    def turn_over(self, block):
        with self.lock:
            self.accepted.append(block)
            self.lock.notify_all()

    def barrier_left(self):
        with self.lock:
            self.broken = any(a.error for a in self.actors)
            self.lock.notify_all()

    def listen_for_servers(self):
        for block in self.case.blocks:
            if block.words[0] == 'server' and block.words[1] not in self.listeners:
                s = socket.create_server(('127.0.0.1', 0))
                self.listeners[block.words[1]] = s

    def go(self):
        """Raises Failed, or returns when everything matched."""
        self.broken = False
        self.listen_for_servers()
        self.instance = self.make_instance([self.expand(c) for c in self.case.config], self.case.dns and [self.expand(d) for d in self.case.dns])
        try:
            for command in self.case.setup:
                self.instance.setup_command(self.expand(command), self.password)
            self.instance.start()
            self.actors = [Actor(self, b) for b in self.case.blocks if b.words[0] in ('client', 'server')]
            for a in self.actors:
                for line in a.block.lines:
                    if line.verb == 'sync':
                        self.barriers.setdefault(line.rest, {'arrived': 0, 'want': 0})['want'] += 1
            for a in self.actors:
                a.start()
            for a in self.actors:
                a.join(120)
            errors = [a.error for a in self.actors if a.error] or [f'{self.case.path}: an actor hangs' for a in self.actors if a.is_alive()]
            if errors:
                raise Failed('\n'.join(errors))
            for block in self.case.blocks:
                if block.words[0] == 'after':
                    self.after(block)
        except Failed as e:
            raise Failed(f'{e}\n--- server log ---\n{self.instance.log_tail()}') from None
        finally:
            self.instance.stop()
            for s in self.listeners.values():
                s.close()

    def after(self, block):
        for line in block.lines:
            try:
                self.after_step(line)
            except Failed as e:
                raise Failed(f'{self.case.path}:{line.number}: {line.text}: {e}') from None

    def command_step(self, rest):
        program, *args = shlex.split(rest)
        if program != 'posthouse':
            raise Failed('only posthouse commands')
        self.output = self.instance.cli(*args, check=False).splitlines()

    def after_step(self, line):
        rest = self.expand(line.rest)
        if line.verb == '$':
            self.command_step(rest)
        elif line.verb == '=':
            if not any(matches(rest, o) for o in self.output):
                raise Failed('output was:\n' + '\n'.join(self.output))
        elif line.verb == '!=':
            if any(matches(rest, o) for o in self.output):
                raise Failed('output was:\n' + '\n'.join(self.output))
        elif line.verb == '$mail':
            address, count = rest.split()
            self.output = self.instance.wait_mail(address, int(count)).splitlines()
        elif line.verb == '$queue':
            self.instance.wait_queue(int(rest))
        elif line.verb == 'wait':
            time.sleep(float(rest))
        else:
            raise Failed('unknown verb')
