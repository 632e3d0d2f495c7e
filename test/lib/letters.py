"""Letters as people send them, for tests in which something breaks. Four kinds, a sender each, as fast as the server takes them:

    users      our users' mail, submitted with a login: must reach far.test once, signed by us
    strangers  mail with somebody's DKIM signature: must be in the mailbox, with our results on top
    forwards   strangers' mail to an alias: must reach far.test from an SRS sender under our seal, and the mailbox beside
    reports    DMARC reports about us: each must be kept

    far = Far()                                  # a DNS and everybody else's mail host
    with Instance(config=far.config) as p:
        far.setup(p); p.start(); far.begin(p); ...; far.end(); far.faults(p) == []

What was answered 250 is noted; faults() compares. Replies 5xx are faults, too: nothing here may be refused for good.
`results` are those of DKIM that strangers' mail has: each some of it, and none another.
"""
import base64, collections, gzip, hashlib, json, os, random, re, smtplib, ssl, subprocess, threading, time
from posthouse import PASSWORD
from sink import Sink
from zone import Zone
try:
    import dkim
except ImportError:
    dkim = None

DNS = ['far.test MX 10 mx.far.test', 'mx.far.test A 127.0.0.1', 'stranger.test MX 10 mx.stranger.test', 'mx.stranger.test A 127.0.0.1',
       'stranger.test TXT v=spf1 ip4:127.0.0.1 -all', '_dmarc.stranger.test TXT v=DMARC1; p=reject']
REPORT = '''<?xml version="1.0"?><feedback><report_metadata><org_name>Org</org_name><email>a@stranger.test</email><report_id>%d</report_id>
<date_range><begin>1700000000</begin><end>1700086400</end></date_range></report_metadata>
<policy_published><domain>signed.test</domain><p>none</p></policy_published><record><row><source_ip>192.0.2.1</source_ip><count>2</count>
<policy_evaluated><disposition>none</disposition><dkim>pass</dkim><spf>fail</spf></policy_evaluated></row>
<identifiers><header_from>signed.test</header_from></identifiers></record></feedback>'''
# DMARC decides about this machine's own addresses, too, which are exempt otherwise.
CONFIG = ['[source "local"]', 'dmarc = yes', '[scan]', 'time = 2s', '[signing]', 'wait = 2s',
          '[caps]', *(f'login_{what} = 0' for what in ('messages_15m', 'rcpts_15m', 'messages_day', 'rcpts_day'))]


def digest(data):
    return len(data), hashlib.sha256(data).hexdigest()[:16]


def marked(data):
    """The number of a message and the digest of what stands from the number on; above are trace headers."""
    found = re.search(rb'^X-Letter: (\d+)\r\n', data, re.M)
    return (int(found[1]), digest(data[found.start():])) if found else (None, None)


class Sender(threading.Thread):
    """Sends letter after letter, over connections that may break at any time."""

    def __init__(self, far, kind, connect, make):
        super().__init__(daemon=True)
        self.far, self.kind, self.connect, self.make = far, kind, connect, make
        self.sent, self.refused, self.put_off, self.number, self.why = {}, [], 0, 0, ''  # why: the last time
        self.partly = set()  # taken for some recipients
        self.stop = threading.Event()
        self.rng = random.Random(kind)

    def run(self):
        session = None
        while not self.stop.is_set():
            try:
                session = session or self.connect()
                self.number += 1
                sender, to, data = self.make(self.number, self.rng)
                if session.sendmail(sender, to, data):
                    self.partly.add(self.number)
                else:
                    self.sent[self.number] = marked(data)[1]
            except (smtplib.SMTPException, OSError) as e:
                session = self.failed(session, e)
                time.sleep(0.05)
            time.sleep(0.01)
        if session:
            session.close()

    def failed(self, session, e):
        """A connection that is of use still, or None."""
        codes = [code for code, _ in e.recipients.values()] if isinstance(e, smtplib.SMTPRecipientsRefused) else [getattr(e, 'smtp_code', 0)]
        self.refused += [f'{self.kind}: {e}' for code in codes if code >= 500]
        self.put_off, self.why = self.put_off + 1, f'{type(e).__name__} {e}'
        if session and any(code != 421 and code >= 400 for code in codes):
            return session
        if session:
            session.close()
        return None


class Far:
    def __init__(self):
        self.sink, self.zone, self.results = Sink(), Zone(DNS, ttl=1), {b'dkim=pass'}
        self.seen, self.keys_may_hang, self.unsealed = set(), False, 0
        self.key = subprocess.run(['openssl', 'genrsa', '-traditional', '1024'], check=True, capture_output=True).stdout
        public = subprocess.run(['openssl', 'rsa', '-pubout', '-outform', 'DER'], input=self.key, check=True, capture_output=True).stdout
        self.publish('sel._domainkey.stranger.test', 'v=DKIM1; k=rsa; p=' + base64.b64encode(public).decode())
        self.config = ['[dns]', 'mode = forward', f'servers = 127.0.0.1@{self.zone.port}', '[delivery]', f'port = {self.sink.port}', 'tls = none',
                       '[outbound]', 'exceptions = ann@signed.test', *CONFIG]
        self.senders = []

    def publish(self, name, text):
        pieces = (text[i:i + 255].encode() for i in range(0, len(text), 255))
        self.zone.records[name.lower()] = [(16, b''.join(bytes([len(s)]) + s for s in pieces))]

    def setup(self, p):
        for command in ('domain add signed.test --keys', 'account add ann@signed.test', 'account add bob@signed.test',
                        'alias add away@signed.test pat@far.test bob@signed.test'):
            p.setup_command(command)
        for key in p.json('dkim', 'list')['keys']:
            self.publish(key['name'], key['value'])

    # What is sent.

    def letter(self, number, author, to, rng):
        text = '\r\n'.join(rng.randbytes(30).hex() for _ in range(rng.randrange(40)))
        return (f'X-Letter: {number}\r\nFrom: <{author}>\r\nTo: <{to}>\r\nSubject: letter {number}\r\nDate: Sun, 22 Nov 2026 09:11:10 +0800\r\n'
                f'Message-ID: <{number}.{rng.randrange(1 << 40)}@test>\r\n\r\n{text}\r\n').encode()

    def from_user(self, number, rng):
        return 'ann@signed.test', 'pat@far.test', self.letter(number, 'ann@signed.test', 'pat@far.test', rng)

    def from_stranger(self, to):
        def make(number, rng):
            data = self.letter(number, 'carol@stranger.test', to, rng)
            signature = dkim.sign(data, b'sel', b'stranger.test', self.key, include_headers=[b'from', b'to', b'subject', b'date'])
            return 'carol@stranger.test', to, signature + data
        return make

    def report(self, number, rng):
        packed = base64.encodebytes(gzip.compress((REPORT % number).encode())).replace(b'\n', b'\r\n')
        return 'noreply@stranger.test', 'posthouse-reports@signed.test', (
            f'X-Letter: {number}\r\nFrom: noreply@stranger.test\r\nSubject: report\r\nContent-Type: application/gzip\r\n'
            'Content-Transfer-Encoding: base64\r\n\r\n').encode() + packed

    def begin(self, p, kinds=('users', 'strangers', 'forwards', 'reports')):
        def from_outside():
            return smtplib.SMTP('127.0.0.1', p.ports['mx'], 'client.stranger.test', timeout=60)

        def with_login():
            session = smtplib.SMTP_SSL('127.0.0.1', p.ports['submissions'], 'ann.signed.test', timeout=60, context=ssl._create_unverified_context())
            session.login('ann@signed.test', PASSWORD)
            return session
        every = [Sender(self, 'users', with_login, self.from_user), Sender(self, 'strangers', from_outside, self.from_stranger('ann@signed.test')),
                 Sender(self, 'forwards', from_outside, self.from_stranger('away@signed.test')), Sender(self, 'reports', from_outside, self.report)]
        self.senders = [s for s in every if s.kind in kinds]
        for s in self.senders:
            s.start()

    def end(self):
        for s in self.senders:
            s.stop.set()
        for s in self.senders:
            s.join()

    def accepted(self, kind):
        return next(len(s.sent) for s in self.senders if s.kind == kind)

    # What arrived.

    def mailbox(self, p, address):
        where = os.path.join(p.dir, 'letters-' + address)
        p.cli('export', address, where, '--format', 'eml')
        files = (os.path.join(folder, name) for folder, _, names in os.walk(where) for name in names if name.endswith('.eml'))
        return [open(path, 'rb').read() for path in files]

    def txt(self, name, timeout=5):
        """For python3-dkim."""
        rows = self.zone.records.get((name.decode() if isinstance(name, bytes) else name).rstrip('.').lower(), [])
        text, rest = b'', rows[0][1] if rows else b''
        while rest:
            text, rest = text + rest[1:1 + rest[0]], rest[1 + rest[0]:]
        return text or None

    def signed(self, sender, data):
        d = dkim.DKIM(data)
        mine = [i for i in range(9) if data.lower().count(b'dkim-signature:') > i]
        return sender == 'ann@signed.test' and len(mine) == 2 and all(d.verify(idx=i, dnsfunc=self.txt) for i in mine)

    def sealed(self, sender, data):
        """A seal is not waited for longer than the keys may take: then the letter goes on without one, not with a wrong one."""
        if self.keys_may_hang and b'\r\narc-seal:' not in b'\r\n' + data[:data.index(b'\r\n\r\n')].lower():
            self.unsealed += 1
            return sender.startswith('SRS0=')
        return sender.startswith('SRS0=') and dkim.ARC(data).verify(dnsfunc=self.txt)[0] == b'pass'

    def judged(self, sender, data):
        head = data[:data.index(b'\r\nX-Letter:')]
        found = {r for r in self.results if r in head}
        self.seen |= found
        return b'Authentication-Results: mx.post.test' in head and bool(found)

    def places(self, p):
        """(kind, where, messages, what must be true of each)"""
        away = [(s, d) for s, r, d in self.sink.got]
        box = {name: [('', d) for d in self.mailbox(p, name + '@signed.test')] for name in ('ann', 'bob')}
        return [('users', 'far.test', [m for m in away if m[0] and not m[0].startswith('SRS')], self.signed),
                ('forwards', 'far.test', [m for m in away if m[0].startswith('SRS')], self.sealed),
                ('forwards', "the alias's mailbox", box['bob'], self.judged), ('strangers', 'the mailbox', box['ann'], self.judged)]

    def faults_at(self, sent, kind, where, messages, right):
        got = collections.defaultdict(list)
        for sender, data in messages:
            number, what = marked(data)
            got[number].append(what)
            if number in sent and not right(sender, data):
                yield f'{kind}, letter {number} at {where}: not as it should be: {data[:600]}'
        self.twice[f'{kind} at {where}'] = sum(len(v) - 1 for v in got.values())
        for number, what in sent.items():
            if what not in got[number]:
                yield f'{kind}, letter {number} {"damaged" if got[number] else "lost"} at {where}'

    def faults(self, p):
        """After the queue is empty: sentences, and self.twice counts what arrived twice."""
        sent, self.twice = {s.kind: s.sent for s in self.senders}, {}
        out = [text for s in self.senders for text in s.refused]
        for kind, where, messages, right in self.places(p):
            out += self.faults_at(sent.get(kind, {}), kind, where, messages, right)
        if 'reports' in sent:
            kept = [int(r['report_id']) for r in self.received(p)]
            self.twice['reports'] = len(kept) - len(set(kept))
            out += [f'report {n} lost' for n in sorted(set(sent['reports']) - set(kept))]
        return out + [f'no letter has {r.decode()}' for r in self.results - self.seen]

    def received(self, p):
        text = p.cli('report', 'received', '--limit', '1000000', '--json', check=False)  # without any the exit code is 3
        return json.loads(text[:text.rindex('}') + 1])['reports']

    def __str__(self):
        unsealed = f', {self.unsealed} forwards without a seal' if self.keys_may_hang else ''
        return ', '.join(f'{len(s.sent)} {s.kind} (put off {s.put_off})' for s in self.senders) + unsealed

    def stop(self):
        self.sink.stop()
        self.zone.stop()
