#!/usr/bin/env python3
"""What policies make of mail, through the whole server: every way that a letter can end, alone and in pairs, in, out and inside,
for one recipient and for several with different policies, with letters of every kind.

    test/dispositions.py [WORD ...]     the cases whose names contain one of the words

What arrives is compared byte for byte with what was sent, or read by python's email package; rows are counted in the databases
themselves. `killed_while_it_commits` kills edges all the time while every message becomes several.
"""
import base64, email, email.policy, json, os, random, re, signal, smtplib, sqlite3, ssl, subprocess, sys, tempfile, threading, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from posthouse import PASSWORD, PROGRAM, Instance, wait_until
from sink import Sink
from tally import case, expect, run_cases
from zone import Zone
try:
    import dkim
except ImportError:
    dkim = None

HELD, REJECTED, ORIGINAL = 1, 2, 3
WAITS, DISCARDED = 0, 6
CLASSES = ['none', 'spam', 'bulk', 'suspicious', 'phishing', 'high-phishing', 'virus', 'policy', 'approval', 'unexamined']
PEOPLE = ['ann', 'bob', 'cat', 'dan', 'boss', 'audit', 'eye']

# Each of these speaks of a word in the subject; those of a pair speak of both.
DOCUMENT = '''
[policy "mark"]
subject = "*do-mark*"
do = mark
[policy "field"]
subject = "*do-field*"
add_field = "X-Checked: 已检查 yes"
[policy "copy"]
subject = "*do-copy*"
copy_to = audit@home.test
[policy "supervise"]
subject = "*do-supervise*"
supervise_to = eye@home.test over@far.test
[policy "delay"]
subject = "*do-delay*"
delay = 3s
[policy "junk"]
subject = "*do-junk*"
do = junk
[policy "quarantine"]
subject = "*do-quarantine*"
do = quarantine
[policy "as phishing"]
subject = "*do-phishing*"
do = quarantine:phishing tell_recipient
[policy "approve"]
subject = "*do-approve*"
do = approve tell_sender tell_recipient
approvers = boss@home.test
text = "Mail about this needs a yes."
[policy "reject with a copy"]
subject = "*do-rejcopy*"
do = reject keep_copy
[policy "reject"]
subject = "*do-reject*"
do = reject
code = 554
status = 5.7.2
text = "Such mail is not wanted here"
[policy "bounce"]
subject = "*do-bounce*"
do = bounce
text = "Sent back by policy"
[policy "discard"]
subject = "*do-discard*"
do = discard
[policy "forward"]
subject = "*do-forward*"
do = forward
forward_to = cat@home.test pat@far.test
[policy "defer"]
subject = "*do-defer*"
do = defer
[policy "each: bob's junk"]
subject = "*each*"
to = bob@home.test
do = junk
[policy "each: cat's is held"]
subject = "*each*"
to = cat@home.test
do = quarantine
[policy "each: dan refuses"]
subject = "*each-no*"
to = dan@home.test
do = reject
text = "Dan does not want it"
[policy "each: the far one is refused"]
subject = "*each-out*"
to = @far.test
do = reject
[policy "each: eye later"]
subject = "*each-later*"
to = eye@home.test
do = defer
'''


def unverified():
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


class House(Instance):
    def __init__(self, document=DOCUMENT, config=(), commands=()):
        self.sink = Sink()
        self.zone = Zone(['far.test MX 10 mx.far.test', 'mx.far.test A 127.0.0.1', 'far.test TXT "v=spf1 ip4:127.0.0.0/8 -all"'])
        base = ['[dns]', 'mode = forward', f'servers = 127.0.0.1@{self.zone.port}', '[delivery]', f'port = {self.sink.port}', 'tls = none',
                '[queue]', 'retry = 1s', '[filter]', 'mark = 0.9', 'suspicious = 0', '[greylist]', 'enabled = no', '[connections]', 'max_per_ip = 500']
        super().__init__(config=base + list(config))
        for command in ['domain add home.test', *(f'account add {n}@home.test' for n in PEOPLE), *commands]:
            self.setup_command(command)
        self.policies(document)

    def policies(self, document):
        path = os.path.join(self.dir, 'document')
        with open(path, 'w', encoding='utf-8') as f:
            f.write(document)
        os.chmod(path, 0o644)
        self.cli('policy', 'set', path)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exc):
        super().__exit__(*exc)
        self.zone.stop()
        self.sink.stop()

    def sql(self, query, *args, name='queue'):
        with sqlite3.connect(f'file:{self.dir}/data/db/{name}.sqlite?mode=ro', uri=True, timeout=20) as db:
            return db.execute(query, args).fetchall()

    def send(self, message, rcpts, sender='ann@far.test', login=None, timeout=60):
        """(code, text) of the answer."""
        if login:
            s = smtplib.SMTP_SSL('127.0.0.1', self.ports['submissions'], context=unverified(), timeout=timeout)
        else:
            s = smtplib.SMTP('127.0.0.1', self.ports['mx'], timeout=timeout)
        with s:
            s.ehlo()
            if login:
                s.login(login, PASSWORD)
                sender = login
            s.mail(sender, ['body=8bitmime'])
            for r in rcpts:
                code, text = s.rcpt(r)
                assert code == 250, (r, code, text)
            code, text = s.data(message)
            return code, text.decode()

    def raw(self, address, uid, folder='INBOX'):
        command = [PROGRAM, '--config', self.conf, 'mailbox', 'cat', address, str(uid), '--folder', folder]
        return subprocess.run(command, capture_output=True, check=True, env=self.environment).stdout

    def listed(self, name, folder='INBOX'):
        """What is in a folder, oldest first; none when there is no such folder yet."""
        r = subprocess.run([PROGRAM, '--config', self.conf, 'mailbox', 'list', f'{name}@home.test', '--folder', folder, '--json'],
                           capture_output=True, text=True, env=self.environment)
        return sorted(json.loads(r.stdout)['messages'], key=lambda m: m['uid'])

    def box(self, name, folder='INBOX'):
        return [self.raw(f'{name}@home.test', m['uid'], folder) for m in self.listed(name, folder)]

    def export(self, name):
        """The whole inbox, by one command."""
        with tempfile.TemporaryDirectory() as d:
            self.cli('export', f'{name}@home.test', d, '--format', 'eml')
            paths = [os.path.join(top, f) for top, _, files in os.walk(d) for f in files if f.endswith('.eml')]
            return [open(path, 'rb').read() for path in paths]

    def in_box(self, name, word, n=1, folder='INBOX', seconds=15):
        """Those with the word in their subject, once there are n; never more."""
        def found():
            return [m['uid'] for m in self.listed(name, folder) if fits(m['subject'], word)]
        wait_until(f'{n} of {word} for {name}', seconds, lambda: len(found()) >= n, every=0.15)
        got = found()
        expect(f'{word} for {name}', len(got), n)
        return [self.raw(f'{name}@home.test', uid, folder) for uid in got]

    def held(self, word):
        """What the quarantine has with the word in its subject: (id, origin, kind, class, policy, [(address, state)])."""
        out = []
        for i, origin, kind, cls, policy in self.sql('SELECT id, origin, kind, class, policy FROM held WHERE subject LIKE ? ORDER BY id', f'%{word}%'):
            rcpts = self.sql('SELECT address, state FROM held_rcpt WHERE msg = ? ORDER BY idx', i)
            out.append((i, origin, kind, CLASSES[cls], policy, rcpts))
        return out

    def blob_of(self, word):
        return self.sql('SELECT blob, size FROM held WHERE subject LIKE ?', f'%{word}%')

    def trace_rows(self, word):
        return self.sql('SELECT rcpt, status FROM trace WHERE subject LIKE ? ORDER BY rcpt', f'%{word}%', name='trace')

    def quiet(self, seconds=20):
        wait_until('an empty queue', seconds, lambda: not self.sql('SELECT 1 FROM rcpt LIMIT 1'))

    def trace(self, answer):
        wait_until('the trace', 20, lambda: 'policy' in self.cli('trace', id_of(answer), check=False))
        return self.cli('trace', id_of(answer))


def id_of(answer):
    return re.search(r'\b[0-9A-V]{13}\b', answer[1])[0]


def head(message, name):
    m = email.message_from_bytes(message, policy=email.policy.compat32)
    return str(email.header.make_header(email.header.decode_header(str(m[name] or '')))).encode()


def fits(subject, word):
    """Bounces have the subject of the letter they are about."""
    return word in subject and ('Undeliverable' in subject) == (word == 'Undeliverable')


def lf(b):
    return b.replace(b'\r\n', b'\n')


def same_below(what, got, sent):
    """Nothing but fields was put on top."""
    got, sent = lf(got), lf(sent)
    assert got.endswith(sent), f'{what}: {got[-600:]!r} is not {sent[-600:]!r}'
    top = got[:len(got) - len(sent)]
    for line in top.split(b'\n')[:-1]:
        assert re.match(rb'[!-9;-~]+:|[ \t]', line), f'{what}: {line!r} on top'
    return top


# ---- letters ----

def plain(subject, text='Hello, shall we meet tomorrow at ten?', sender='ann@far.test', to='bob@home.test', extra=''):
    return (f'From: Ann <{sender}>\r\nTo: {to}\r\nSubject: {subject}\r\nDate: Sun, 22 Nov 2026 09:00:00 +0000\r\n'
            f'Message-ID: <{random.getrandbits(60):x}@far.test>\r\n{extra}\r\n{text}\r\n').encode()


def eightbit(subject):
    return plain(subject, 'Grüße und 你好', extra='MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n')


def gbk(subject):
    m = plain(subject, 'BODY', extra='MIME-Version: 1.0\r\nContent-Type: text/plain; charset=gbk\r\nContent-Transfer-Encoding: 8bit\r\n')
    return m.replace(b'BODY', '明天十点开会，请带好资料。'.encode('gbk'))


def no_mime(subject):
    return plain(subject, 'no MIME at all, and \xe9\xe8 of long ago').decode().encode('latin-1')


_keys = {}


def smime_keys():
    if not _keys:
        d = _keys['dir'] = tempfile.TemporaryDirectory()
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '30', '-subj', '/CN=ann@far.test', '-addext',
                        'subjectAltName=email:ann@far.test', '-keyout', d.name + '/key', '-out', d.name + '/cert'], check=True, stderr=subprocess.DEVNULL)
    return _keys['dir'].name


def smime(subject):
    d = smime_keys()
    body = subprocess.run(['openssl', 'smime', '-sign', '-signer', d + '/cert', '-inkey', d + '/key'], check=True, stderr=subprocess.DEVNULL,
                          input=b'Content-Type: text/plain\r\n\r\nSigned words.\r\n', capture_output=False, stdout=subprocess.PIPE).stdout
    body = lf(body).replace(b'\n', b'\r\n')
    return plain(subject, '').split(b'\r\n\r\n')[0] + b'\r\n' + body


def smime_holds(message):
    d = smime_keys()
    return subprocess.run(['openssl', 'smime', '-verify', '-CAfile', d + '/cert', '-purpose', 'any'], input=message, capture_output=True).returncode == 0


def big(subject, size=30 << 20):
    filler = random.Random(4).randbytes(size * 3 // 4)
    text = base64.encodebytes(filler).replace(b'\n', b'\r\n')
    boundary = 'bound'
    return plain(subject, f'--{boundary}\r\nContent-Type: text/plain\r\n\r\nsee the file\r\n--{boundary}\r\nContent-Type: application/octet-stream; '
                 f'name="data.bin"\r\nContent-Transfer-Encoding: base64\r\n\r\nFILLER--{boundary}--',
                 extra=f'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary={boundary}\r\n').replace(b'FILLER', text)


LETTERS = {'plain': plain, 'eightbit': eightbit, 'gbk': gbk, 'nomime': no_mime, 'smime': smime}
WAYS = {'in': dict(rcpts=['bob@home.test']), 'internal': dict(rcpts=['bob@home.test'], login='ann@home.test'),
        'out': dict(rcpts=['pat@far.test'], login='ann@home.test')}


def in_way(way, message):
    """The letter as it is written for that direction: from whoever has logged in."""
    return message if way == 'in' else message.replace(b'ann@far.test>', b'ann@home.test>', 1)


class Far:
    """What the sink has got, by a word of the subject."""

    def __init__(self, p):
        self.p = p

    def get(self, word, n=1, seconds=15):
        def found():
            return [g for g in list(self.p.sink.got) if fits(head(g[2], 'Subject').decode(), word)]
        wait_until(f'{n} of {word} far away', seconds, lambda: len(found()) >= n)
        expect(f'{word} far away', len(found()), n)
        return found()


def arrived(p, way, word, folder='INBOX', **more):
    """The one message where it belongs."""
    if way == 'out':
        return Far(p).get(word, **more)[0][2]
    return p.in_box('bob', word, folder=folder, **more)[0]


# ---- cases ----

@case
def alone_in_three_directions():
    with House() as p:
        for way, how in WAYS.items():
            for kind, make in LETTERS.items():
                word = f'do-mark {way} {kind}'
                m = in_way(way, make(word))
                expect(word, p.send(m, **how)[0], 250)
                top = same_below(word, arrived(p, way, word), m)
                expect(word, top.count(b'X-Spam-Flag: YES'), 1)
                word = f'do-quarantine {way} {kind}'
                m = in_way(way, make(word))
                expect(word, p.send(m, **how)[0], 250)
                (i, origin, k, cls, policy, rcpts), = p.held(word)
                expect(word, (origin == i, k, cls, policy, rcpts), (True, HELD, 'policy', 'quarantine', [(how['rcpts'][0], WAITS)]))
                expect(f'{word}: size', p.blob_of(word)[0][1] >= len(m), True)
        # One kind of letter is enough for what does not touch it.
        for way, how in WAYS.items():
            rcpt = how['rcpts'][0]

            def sent(word, code=250, make=eightbit):
                m = in_way(way, make(word))
                answer = p.send(m, **how)
                expect(word, answer[0], code)
                return m, answer
            word = f'do-field {way}'
            m, _ = sent(word)
            got = email.message_from_bytes(arrived(p, way, word), policy=email.policy.default)
            expect(word, got['X-Checked'], '已检查 yes')
            word = f'do-junk {way}'
            m, _ = sent(word)
            top = same_below(word, arrived(p, way, word, folder='Junk'), m)
            expect(word, (top.count(b'X-Spam-Flag: YES'), top.count(b'X-Posthouse-Junk: yes')), (1, 1))
            word = f'do-reject {way}'
            _, answer = sent(word, 554)
            expect(word, bool(re.match(r'5\.7\.2 Such mail is not wanted here \(message [0-9A-V]{13}\)$', answer[1])), True)
            expect(f'{word}: nothing kept', p.held(word), [])
            word = f'do-rejcopy {way}'
            m, answer = sent(word, 550)
            (i, origin, k, cls, policy, rcpts), = p.held(word)
            expect(word, (k, policy, rcpts), (REJECTED, 'reject with a copy', [(rcpt, WAITS)]))
            wait_until('its trace', 10, lambda: p.trace_rows(word) == [(rcpt, 5)])
            word = f'do-defer {way}'
            sent(word, 451)
            word = f'do-discard {way}'
            sent(word)
            (i, origin, k, cls, policy, rcpts), = p.held(word)
            expect(word, (k, policy, rcpts), (HELD, 'discard', [(rcpt, DISCARDED)]))
            word = f'do-phishing {way}'
            sent(word)
            expect(word, [h[2:5] for h in p.held(word)], [(HELD, 'phishing', 'as phishing')])
            word = f'do-bounce {way}'
            sent(word)
            back = Far(p).get('Undeliverable', n=1)[0] if way == 'in' else None
            text = back[2] if back else p.in_box('ann', 'Undeliverable', n=1 if way == 'internal' else 2)[-1]
            expect(f'{word}: why', b'5.7.1' in text and b'Sent back by policy' in text, True)
            expect(f'{word}: what was in it stays here', 'Grüße'.encode() in text, False)
            word = f'do-delay {way}'
            began = time.monotonic()
            m, _ = sent(word)
            same_below(word, arrived(p, way, word), m)
            expect(f'{word}: in time', 2 <= time.monotonic() - began < 12, True)
            word = f'do-copy {way}'
            m, _ = sent(word)
            same_below(word, arrived(p, way, word), m)
            top = same_below(word, p.in_box('audit', word)[0], m)
            expect(f'{word}: of nobody', (b'Return-Path: <>' in top, b'X-Posthouse-Supervised' in top), (True, False))
            word = f'do-supervise {way}'
            m, _ = sent(word)
            same_below(word, arrived(p, way, word, **({'n': 2} if way == 'out' else {})), m)
            top = same_below(word, p.in_box('eye', word)[0], m)
            for field in ('X-Posthouse-Supervised-To: <' + rcpt, 'X-Posthouse-Supervised-Policy: supervise', f'Supervised-Direction: {way}'):
                expect(f'{word}: {field}', field.encode() in top, True)
            away = [g for g in Far(p).get(word, n=2 if way == 'out' else 1) if g[1] == ['over@far.test']]
            expect(f'{word}: far away', (len(away), away[0][0]), (1, ''))
            same_below(word, away[0][2], m)
            word = f'do-forward {way}'
            m, answer = sent(word)
            same_below(word, p.in_box('cat', word)[0], m)
            (sender, rcpts, data), = Far(p).get(word)
            expect(f'{word}: to', rcpts, ['pat@far.test'])
            expect(f'{word}: sender', sender.endswith('@home.test') if way == 'out' or way == 'in' else True, True)
            top = same_below(word, data, m)
            expect(f'{word}: says whose', f'Delivered-To: {rcpt}'.encode() in top, True)
            wait_until('the trace of whom it was for', 10, lambda: (rcpt, 1) in p.trace_rows(word))
            word = f'do-approve {way}'
            m, answer = sent(word)
            (i, origin, k, cls, policy, rcpts), = p.held(word)
            expect(word, (k, cls, policy, rcpts), (HELD, 'approval', 'approve', [(rcpt, WAITS)]))
        p.quiet()
        wait_until('letters to who approves', 15, lambda: len(p.listed('boss')) == 3)
        wait_until('notices to the sender', 15, lambda: [m for m in p.box('ann') if b'X-Posthouse-Notice' in m])
        trace = p.trace(p.send(plain('do-quarantine once more'), ['bob@home.test']))
        for part in ('policy', 'quarantine', 'direction=in'):
            expect(f'the trace says {part}', part in trace, True)


@case
def in_pairs():
    with House() as p:
        def sent(word, code=250, rcpt='bob@home.test'):
            m = eightbit(word)
            expect(word, p.send(m, [rcpt])[0], code)
            return m
        m = sent('do-copy do-quarantine')
        same_below('held, and copied', p.in_box('audit', 'do-copy do-quarantine')[0], m)
        expect('held, and copied', len(p.held('do-copy do-quarantine')), 1)
        m = sent('do-supervise do-discard')
        top = same_below('discarded, and supervised', p.in_box('eye', 'do-supervise do-discard')[0], m)
        expect('it says so', b'Supervised-Disposition: discard' in top, True)
        sent('do-copy do-reject', 554)
        m = sent('do-mark do-forward')
        expect('marked', b'X-Spam-Flag: YES' in same_below('marked', p.in_box('cat', 'do-mark do-forward')[0], m), True)
        began = time.monotonic()
        m = sent('do-delay do-junk')
        same_below('later, into the junk folder', p.in_box('bob', 'do-delay do-junk', folder='Junk')[0], m)
        expect('later', time.monotonic() - began >= 2, True)
        m = sent('do-field do-mark do-copy')
        got = email.message_from_bytes(p.in_box('bob', 'do-field do-mark')[0], policy=email.policy.default)
        expect('both', (got['X-Checked'], got['X-Spam-Flag']), ('已检查 yes', 'YES'))
        expect('copies are as it came', b'X-Checked' in p.in_box('audit', 'do-field do-mark')[0], False)
        sent('do-copy do-mark to whom', rcpt='audit@home.test')
        p.in_box('audit', 'do-copy do-mark to whom')  # and not twice
        m = sent('do-supervise do-approve')
        p.in_box('eye', 'do-supervise do-approve')
        expect('waits', [h[3] for h in p.held('do-supervise do-approve')], ['approval'])
        p.quiet()
        expect('no copy of what was refused', [m for m in p.box('audit') if b'do-reject' in m], [])


@case
def copies_do_not_go_round():
    """The one who gets copies elsewhere has his mail sent back to somebody whose mail is copied."""
    document = '[policy "x"]\nsubject = "*round*"\nsupervise_to = over@far.test\n[policy "f"]\nsubject = "*circle*"\nto = bob@home.test\n' \
               'do = forward\nforward_to = over@far.test\n'
    with House(document) as p:
        m = plain('round')
        expect('taken', p.send(m, ['bob@home.test'])[0], 250)
        _, _, copy = Far(p).get('round')[0]
        expect('comes back', p.send(copy, ['bob@home.test'], sender='')[0], 250)
        p.in_box('bob', 'round', n=2)
        Far(p).get('round')  # it has not left again
        forged = re.sub(rb'X-Posthouse-Copy: \S+', b'X-Posthouse-Copy: AAAAAAAAAAAAAAAAAAAA', copy).replace(b'Subject: round', b'Subject: forged round')
        expect('what others write there', p.send(forged, ['bob@home.test'])[0], 250)
        Far(p).get('forged round')
        expect('what they wrote has gone', b'AAAAAAAAAAAAAAAAAAAA' in p.in_box('bob', 'forged round')[0], False)
        expect('forwarded', p.send(plain('circle'), ['bob@home.test'])[0], 250)
        _, _, away = Far(p).get('circle')[0]
        code, text = p.send(away, ['bob@home.test'])
        expect('a loop', (code, 'loop' in text), (554, True))


@case
def several_recipients():
    with House() as p:
        everybody = ['ann@home.test', 'bob@home.test', 'cat@home.test', 'boss@home.test']
        m = eightbit('each of them')
        answer = p.send(m, everybody)
        expect('taken', answer[0], 250)
        same_below('delivered', p.in_box('ann', 'each of them')[0], m)
        same_below('delivered', p.in_box('boss', 'each of them')[0], m)
        same_below('junk', p.in_box('bob', 'each of them', folder='Junk')[0], m)
        (i, origin, kind, cls, policy, rcpts), = p.held('each of them')
        expect('held', (kind, policy, rcpts), (HELD, "each: cat's is held", [('cat@home.test', WAITS)]))
        p.quiet()
        expect('a row for each that went', sorted(p.trace_rows('each of them')), [('ann@home.test', 1), ('bob@home.test', 1), ('boss@home.test', 1)])
        trace = p.trace(answer)
        expect('the first one names the others', 'split' in trace and 'into' in trace, True)
        ids = {i for i, in p.sql('SELECT id FROM trace WHERE subject LIKE ?', '%each of them%', name='trace')} | {i}
        expect('three messages', len(ids), 3)
        expect('one came', origin in ids, True)
        # Refused by some: held for them; by our own user's mail: bounced.
        expect('some refuse', p.send(eightbit('each-no in'), ['ann@home.test', 'dan@home.test'])[0], 250)
        p.in_box('ann', 'each-no in')
        expect('held for him', [h[2:] for h in p.held('each-no in')], [(HELD, 'policy', 'each: dan refuses', [('dan@home.test', WAITS)])])
        expect('our user', p.send(in_way('out', eightbit('each-no own')), ['bob@home.test', 'dan@home.test'], login='ann@home.test')[0], 250)
        expect('hears it', b'Dan does not want it' in p.in_box('ann', 'Undeliverable')[0], True)
        expect('not held', [h[5] for h in p.held('each-no own')], [])
        expect('all refuse', p.send(eightbit('each-no at all'), ['dan@home.test'])[0], 550)
        expect('one later: all later', p.send(eightbit('each-later'), ['ann@home.test', 'bob@home.test', 'eye@home.test'])[0], 451)
        # Two directions at once.
        m = in_way('out', eightbit('each-out both'))
        expect('in and out', p.send(m, ['boss@home.test', 'pat@far.test'], login='ann@home.test')[0], 250)
        p.in_box('boss', 'each-out both')
        p.in_box('ann', 'Undeliverable', n=2)
        expect('nothing left', [g for g in p.sink.got if b'each-out' in g[2]], [])
        m = in_way('out', eightbit('each both'))
        expect('in and out', p.send(m, ['boss@home.test', 'pat@far.test'], login='ann@home.test')[0], 250)
        same_below('inside', p.in_box('boss', 'each both')[0], m)
        same_below('outside', Far(p).get('each both')[0][2], m)
        p.quiet()
        expect('nothing comes of what was put off', [len(p.box(n)) for n in ('eye',)], [0])


@case
def signatures_and_size():
    if not dkim:
        print('python3-dkim is not there: DKIM skipped')
    with House(config=['[smtp "mx"]', 'max_size = 60m', '[scan]', 'max_size = 40m']) as p:
        for word in ('do-mark signed', 'do-field signed', 'do-junk signed'):
            m = smime(word)
            expect(word, p.send(m, ['bob@home.test'])[0], 250)
            expect(f'{word}: the signature holds', smime_holds(p.in_box('bob', word, folder='Junk' if 'junk' in word else 'INBOX')[0]), True)
        if dkim:
            from cryptography.hazmat.primitives import serialization
            from cryptography.hazmat.primitives.asymmetric import rsa
            key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            public = base64.b64encode(key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo))
            text = b'v=DKIM1; k=rsa; p=' + public
            p.zone.records['s._domainkey.far.test'] = [(16, b''.join(bytes([len(t)]) + t for t in (text[i:i + 255] for i in range(0, len(text), 255))))]
            pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
            for word, where in (('do-mark DKIM', None), ('do-forward DKIM', 'far'), ('do-copy do-mark DKIM', None)):
                m = eightbit(word)
                m = dkim.sign(m, b's', b'far.test', pem) + m
                expect(word, p.send(m, ['bob@home.test'])[0], 250)
                got = Far(p).get(word)[0][2] if where else p.in_box('bob', word)[0]
                expect(f'{word}: the signature holds', dkim.verify(lf(got).replace(b'\n', b'\r\n'), dnsfunc=lambda n, timeout=5: text), True)
        began = time.monotonic()
        m = big('do-mark 30 MiB')
        expect('large', p.send(m, ['bob@home.test', 'cat@home.test'])[0], 250)
        for n in ('bob', 'cat'):
            same_below('large', p.in_box(n, '30 MiB', seconds=30)[0], m)
        m = big('each 30 MiB')
        expect('large, of several ways', p.send(m, ['ann@home.test', 'bob@home.test', 'cat@home.test'])[0], 250)
        same_below('large', p.in_box('ann', 'each 30 MiB', seconds=30)[0], m)
        expect('held', [h[2] for h in p.held('each 30 MiB')], [HELD])
        p.quiet()
        print(f'large ones took {time.monotonic() - began:.1f} s')


CHANGES = '''
[policy "one without"]
to = cat@home.test
do = deliver
[policy "careful"]
subject = "*do-banner*"
banner_en = "Careful: this came from outside."
banner_zh = "请当心：来自外部。"
[policy "below"]
subject = "*do-below*"
disclaimer_en = "Sent by Home Ltd."
[policy "no programs"]
attachment = "name:*.exe"
do = strip
notice_en = "A program was here."
[policy "tag"]
subject = "*do-tag*"
subject_tag = "[外部] "
[policy "copy"]
subject = "*do-copy*"
copy_to = audit@home.test
'''


def with_files(subject, sender='ann@far.test'):
    m = email.message.EmailMessage(policy=email.policy.SMTP)
    m['From'], m['To'], m['Subject'], m['Message-ID'] = f'Ann <{sender}>', 'bob@home.test', subject, f'<{random.getrandbits(60):x}@far.test>'
    m['Date'] = 'Sun, 22 Nov 2026 09:00:00 +0000'
    m.set_content('Hello,\r\nsee the files.\r\n')
    m.add_alternative('<p>Hello, see the <b>files</b>.</p>', subtype='html')
    m.add_attachment(b'MZ' + bytes(3000), maintype='application', subtype='octet-stream', filename='tool.exe')
    m.add_attachment(b'%PDF-1.4\n1 0 obj <</Type /Catalog>> endobj\ntrailer <</Root 1 0 R>>\n', maintype='application', subtype='pdf', filename='paper.pdf')
    return m.as_bytes()


def read(message):
    return email.message_from_bytes(message, policy=email.policy.default)


@case
def copies_of_what_is_infected_or_was_not_examined_are_held():
    """Nobody gets a virus because he is to get copies, and nothing unexamined: the copy waits for whom it is, and can be released."""
    document = '[policy "c"]\ncopy_to = audit@home.test\nsupervise_to = eye@home.test\n[policy "clean"]\nsubject = "*wash*"\ndo = clean\n' \
        '[policy "d"]\nsubject = "*gone*"\ndo = discard\n[policy "known"]\nsubject = "*let*"\nvirus = *\ndo = deliver\n'
    engine = ['[engine "finds"]', 'type = command', 'command = /usr/bin/grep -c ILLNESS %f', 'clean = 1', 'infected = 0',
              '[engine "fails"]', 'type = command', 'command = /usr/bin/grep -c BREAKS %f', 'clean = 1', 'infected = 77', 'down = hold']
    with House(document, config=engine) as p:
        for word, text, cls in (('ill plain', 'ILLNESS', 'virus'), ('ill gone', 'ILLNESS', 'virus'), ('ill wash', 'ILLNESS', 'virus'),
                                   ('odd one', 'BREAKS', 'unexamined'), ('ill let', 'ILLNESS', None), ('well', 'fine', None)):
            expect(word, p.send(plain(word, text), ['bob@home.test'])[0], 250)
            p.quiet()
            places = ('bob', 'audit', 'eye')
            expect(f'{word}: delivered', [len([1 for x in p.listed(who) if x['subject'] == word]) for who in places], [int(not cls or word == 'ill wash'), *[int(not cls)] * 2])
            held = [h for h in p.held(word) if h[2] == HELD]
            expect(f'{word}: held', sorted(h[5][0][0].split('@')[0] for h in held), sorted(places[word == 'ill wash':]) if cls else [])
            if cls:
                expect(f'{word}: as', {h[3] for h in held if h[5][0][0] != 'bob@home.test'}, {cls})
                expect(f'{word}: of one', len({h[1] for h in held}), 1)
                expect(f'{word}: wait', [h[5][0][1] for h in held if h[5][0][0] != 'bob@home.test'], [WAITS, WAITS])
        expect('cleaned', b'ILLNESS' in p.in_box('bob', 'ill wash')[0], False)
        p.cli('quarantine', 'release', '--to', 'eye@home.test', '--subject', 'ill plain', '--yes')
        got, = p.in_box('eye', 'ill plain')
        expect('released', b'X-Posthouse-Supervised-To: <bob@home.test>' in got and b'ILLNESS' in got and b'Return-Path: <>' in got, True)


@case
def content_is_changed_and_the_original_kept():
    with House(CHANGES, commands=['domain add signed.test --keys', 'account add sue@signed.test']) as p:
        sent = {}
        for way, how in WAYS.items():
            for word, make in ((f'do-banner do-below {way} text', eightbit), (f'do-banner do-tag {way} gbk', gbk), (f'do-below {way} signed', smime)):
                m = sent[word] = in_way(way, make(word))
                expect(word, p.send(m, **how)[0], 250)
                got = arrived(p, way, word)
                text = read(got).get_body(preferencelist=('plain',)).get_content() if 'signed' not in word else ''
                if 'do-banner' in word:
                    expect(f'{word}: on top', text.lstrip().startswith(('Careful', '请当心')) and '请当心' in text, True)
                    expect(f'{word}: the text', ('你好' if 'text' in word else '明天十点开会') in text, True)
                if 'do-below' in word and text:
                    expect(f'{word}: below', text.rstrip().endswith('Sent by Home Ltd.'), True)
                if 'do-tag' in word:
                    expect(f'{word}: subject', read(got)['Subject'], '[外部] ' + word)
                if 'signed' in word:
                    inner = next(part for part in email.message_from_bytes(got).walk() if part.get_content_type() == 'multipart/signed')
                    expect(f'{word}: the signature holds', smime_holds(inner.as_bytes(policy=email.policy.compat32)), True)
                    expect(f'{word}: below', b'Sent by Home Ltd.' in got, True)
                (_, origin, kind, _, _, rcpts), = p.held(word)
                expect(f'{word}: kept', (kind, rcpts), (ORIGINAL, [(how['rcpts'][0], WAITS)]))
        # Some with, some without, and a copy of how it came.
        word = 'do-copy two ways'
        m = with_files(word)
        expect(word, p.send(m, ['bob@home.test', 'cat@home.test'])[0], 250)
        got = read(p.in_box('bob', word)[0])
        names = [part.get_filename() for part in got.walk() if part.get_filename()]
        expect('no program', ([n for n in names if n.endswith('.exe')], 'paper.pdf' in names), ([], True))
        expect('a notice', b'A program was here.' in got.as_bytes() or any('A program was here.' in part.get_content() for part in got.walk()
                                                                          if part.get_content_maintype() == 'text'), True)
        for n in ('cat', 'audit'):
            same_below(f'{word} {n}', p.in_box(n, word)[0], m)
        (i, origin, kind, _, policy, rcpts), *more = p.held(word)
        expect('original', kind, ORIGINAL)
        first = p.sql('SELECT id FROM trace WHERE subject LIKE ?', f'%{word}%', name='trace')
        expect('it names what came', (origin,) in first, True)
        p.quiet()
        # What came can be had again, byte for byte, once.
        p.cli('quarantine', 'release', crockford(i), '--yes')
        again = p.in_box('bob', word, n=2)
        same_below('the original', again[1], m)
        code, text = p.send(with_files('do-tag do-below leaves', 'sue@signed.test'), ['pat@far.test'], login='sue@signed.test')
        expect('ours', code, 250)
        _, _, data = Far(p).get('do-tag do-below leaves')[0]
        expect('below', b'Sent by Home Ltd.' in data, True)
        if dkim:
            keys = {k['name'].lower(): k['value'].encode() for k in p.json('dkim', 'list', 'signed.test')['keys']}
            lookup = lambda n, timeout=5: keys.get((n.decode() if isinstance(n, bytes) else n).rstrip('.').lower())
            expect('signed anew', dkim.DKIM(data).verify(dnsfunc=lookup), True)


def crockford(n):
    """An id as it is printed: 13 characters, base32 of RFC 4648 "extended hex"."""
    return ''.join('0123456789ABCDEFGHIJKLMNOPQRSTUV'[n >> 5 * k & 31] for k in range(12, -1, -1))


@case
def thresholds_are_the_last_policies():
    rules = 'rule test-bad 20\n\ten the word of this test\n\ttext has abracadabra\n'
    with tempfile.TemporaryDirectory() as d:
        os.chmod(d, 0o755)
        with open(d + '/own.rules', 'w') as f:
            f.write(rules)
        config = ['[filter]', f'rules = {d}', 'mark = 0.5', 'junk = 0', 'quarantine = 0.9', 'own_junk = 0.9']
        document = '[policy "boss sees it"]\nto = boss@home.test\ndo = deliver mark\n'
        with House(document, config) as p:
            bad = plain('bad one', 'abracadabra')
            expect('held', p.send(bad, ['bob@home.test', 'boss@home.test'])[0], 250)
            same_below('boss', p.in_box('boss', 'bad one')[0], bad)
            expect('class', [(h[3], h[4], h[5]) for h in p.held('bad one')], [('spam', '', [('bob@home.test', WAITS)])])
            own = in_way('out', plain('bad own', 'abracadabra'))
            expect('our own: junk', p.send(own, ['bob@home.test'], login='ann@home.test')[0], 250)
            p.in_box('bob', 'bad own', folder='Junk')
            expect('to those who take complaints', p.send(bad, ['postmaster@home.test'])[0], 250)


@case
def facts_are_kept():
    with House() as p:
        expect('taken', p.send(plain('do-mark for later'), ['bob@home.test', 'cat@home.test'])[0], 250)
        wait_until('facts', 10, lambda: p.sql('SELECT facts, decided FROM fact', name='trace'))
        (facts, decided), = p.sql('SELECT facts, decided FROM fact', name='trace')
        expect('subject', 'do-mark for later' in facts, True)
        lines = decided.strip().split('\n')
        expect('decided', [(l.split('\t')[0], 'mark' in l) for l in lines], [('bob@home.test', True), ('cat@home.test', True)])


@case
def an_accident_is_undone():
    """A policy and a rule, both wrong, hold everything that comes by SMTP. The policy is rolled back by one command, and one command
    releases all, each exactly once, as it was sent but for fields on top; what is released is not filtered again, though the wrong rule is
    still there. Undo takes back what has not left yet."""
    rules = tempfile.mkdtemp()
    os.chmod(rules, 0o755)
    with open(rules + '/wrong.rules', 'w') as f:
        f.write('rule wrong-one 40\n\ten wrong\n\ttext has tomorrow\n')
    with House('[policy "sane"]\nsubject = "*nothing has this*"\ndo = junk\n', config=['[filter]', 'quarantine = 0.99', f'rules = {rules}']) as p:
        sane = p.json('policy', 'history')['versions'][0]['version']
        p.policies('[policy "everything"]\ndo = quarantine\n')
        wait_until('the wrong policy', 20, lambda: p.send(plain('first'), ['bob@home.test']) and p.held('first'), every=0.2)
        letters, people = {}, ['ann', 'bob', 'cat']
        kinds = list(LETTERS.values())

        def work(k):
            for i in range(50):
                m = kinds[i % 4](f'accident {k}-{i}.')
                to = people[:1 + i % 3]
                assert p.send(m, [f'{n}@home.test' for n in to])[0] == 250
                for n in to:
                    letters[n, re.search(rb'Message-ID: (\S+)', m)[1]] = m
        threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        expect('all are held', (len(p.held('accident')), p.queued()), (200, 0))
        expect('nobody has any', [len(p.listed(n)) for n in people], [0, 0, 0])

        began = time.monotonic()
        p.cli('policy', 'rollback', str(sane))
        p.cli('quarantine', 'release', '--subject', 'accident', '--yes')
        print(f'{len(letters)} recipients of 200 letters released in {time.monotonic() - began:.1f} s')
        p.cli('quarantine', 'release', '--subject', 'accident', '--yes', check=False)  # once more changes nothing
        p.quiet(60)
        got = {}
        for n in people:
            for m in p.export(n):
                if b'accident' in head(m, 'Subject'):
                    key = n, re.search(rb'(?m)^Message-ID: (\S+)', m)[1]
                    got.setdefault(key, []).append(m)
        expect('everybody has his letters', set(got), set(letters))
        expect('each once', [k for k in got if len(got[k]) != 1], [])
        for k, m in letters.items():
            top = same_below(f'{k}', got[k][0], m)
            assert b'X-Posthouse-Released:' in top, top
        expect('the filter was not asked again', p.sql('SELECT COUNT(*) FROM held WHERE subject LIKE ?', '%accident%')[0][0], 200)

        # New mail meets the policies as they were; the rule that is still wrong holds it, and that is undone, too.
        p.send(plain('later', 'tomorrow then'), ['bob@home.test'])
        expect('by the rule alone', [h[3] for h in p.held('later')], ['spam'])
        expect('found by its name', 'later' in {r['subject'] for r in p.json('quarantine', 'list', '--signal', 'wrong-one')['recipients']}, True)
        p.stop()
        p.cli('quarantine', 'release', '--signal', 'wrong-one', '--subject', 'later', '--yes')
        expect('released', [s for _, s in p.held('later')[0][5]], [2])
        no = json.loads(p.cli('quarantine', 'operations', '--json'))['operations'][0]['operation']
        p.cli('quarantine', 'undo', str(no))
        expect('as before', ([s for _, s in p.held('later')[0][5]], p.queued()), ([WAITS], 0))
        p.start()
        p.cli('quarantine', 'undo', str(no - 1), check=False)  # what was delivered stays delivered
        said = {s['name']: s for s in p.json('rule', 'stats', '--since', '1h')['signals']}['wrong-one']
        expect('what is known of the rule', (said['held'] == said['letters'] > 0, said['released']), (True, len({m for m in letters.values() if b'tomorrow' in m})))
        expect('nothing is taken from mailboxes', sum(fits(m['subject'], 'accident') for n in people for m in p.listed(n)), len(letters))


@case
def killed_while_it_commits():
    """Every message becomes a delivered one, one in the junk folder, a held one and a copy; edges are killed all the time."""
    document = DOCUMENT + '[policy "all"]\nsubject = "*each*"\ncopy_to = audit@home.test\n'
    with House(document, config=['[server]', 'edges = 3']) as p:
        stop, answers, lock = threading.Event(), {}, threading.Lock()
        # A process that dies while the server starts ends the start.
        wait_until('the server', 20, lambda: 'event=server.ready' in p.log_tail(1 << 20))

        def work(i):
            n = 0
            while not stop.is_set():
                word = f'each number {i}-{n}.'
                try:
                    code = p.send(plain(word), ['ann@home.test', 'bob@home.test', 'cat@home.test'], timeout=20)[0]
                except (OSError, smtplib.SMTPException, AssertionError):
                    code = 0  # nobody knows
                    time.sleep(0.05)
                with lock:
                    answers[word] = code
                n += 1

        def killer():
            rng = random.Random(7)
            while not stop.is_set():
                edges = [pid for pid, role in p.processes().items() if role == 'edge']
                if edges:
                    try:
                        os.kill(rng.choice(edges), signal.SIGKILL)
                    except ProcessLookupError:
                        pass
                time.sleep(rng.uniform(0.4, 1.2))
        threads = [threading.Thread(target=work, args=(i,)) for i in range(12)] + [threading.Thread(target=killer)]
        for t in threads:
            t.start()
        time.sleep(10)
        stop.set()
        for t in threads:
            t.join()
        p.quiet(60)
        taken = {w for w, code in answers.items() if code == 250}
        print(f'{len(taken)} of {len(answers)} taken')

        whole = {'ann': subjects(p, 'ann'), 'bob': subjects(p, 'bob', 'Junk'), 'audit': subjects(p, 'audit'),
                 'held': sorted(s for s, in p.sql('SELECT subject FROM held WHERE kind = 1'))}
        for name, got in whole.items():
            expect(f'{name}: nothing twice but what was sent twice', len(got), len(set(got)))
            expect(f'{name}: nothing lost', taken - set(got), set())
            expect(f'{name}: all or nothing', set(got) ^ set(whole['ann']), set())
        expect('some were taken', len(taken) > 20, True)


def subjects(p, name, folder='INBOX'):
    return sorted(m['subject'] for m in p.listed(name, folder))


if __name__ == '__main__':
    sys.exit(run_cases(sys.argv[1:]))
