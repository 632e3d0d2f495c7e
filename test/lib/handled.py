"""Mail that policies do things with, for tests in which processes are killed: held, split, changed, copied, forwarded, approved,
discarded, bounced, filed as junk, infected; somebody releases what is held all the while. In the end every letter that was
answered 250 is exactly once with each of its recipients: in the mailbox, in quarantine, or sent back; and what nobody heard
an answer about is there whole or not at all.

    handled = Handled(far)                       # far: lib/letters.py
    with Instance(config=far.config + handled.config) as p:
        handled.setup(p); p.start(); handled.begin(p); ...; handled.end(); handled.faults(p) == []
"""
import collections, contextlib, json, os, re, smtplib, socket, sqlite3, subprocess, threading, time
from posthouse import PROGRAM, free_port, wait_until
from letters import Sender

HOUSE = 'house.test'
PEOPLE = ('ann', 'bob', 'cat', 'dan', 'fay', 'audit', 'boss')
POLICIES = '''
[policy "copy"]
subject = "do-split*"
copy_to = audit@house.test
[policy "split: held"]
subject = "do-split*"
to = bob@house.test
do = quarantine:spam
[policy "split: changed"]
subject = "do-split*"
to = cat@house.test
disclaimer_en = "Sent by House."
[policy "split: forwarded"]
subject = "do-split*"
to = dan@house.test
do = forward
forward_to = fay@house.test
[policy "held"]
subject = "do-hold*"
do = quarantine:spam
[policy "approved"]
subject = "do-approve*"
do = approve
approvers = boss@house.test
[policy "discarded"]
subject = "do-discard*"
do = discard
[policy "junk"]
subject = "do-junk*"
do = junk
[policy "sent back"]
subject = "do-bounce*"
do = bounce
text = "Not here"
'''
KINDS = {'split': ('ann', 'bob', 'cat', 'dan'), 'hold': ('ann', 'bob'), 'approve': ('ann',), 'discard': ('ann',), 'junk': ('ann',),
         'bounce': ('ann',), 'virus': ('ann', 'bob'), 'plain': ('ann',)}
SUBJECT = re.compile(rb'^Subject: do-(\w+) (\d+)\r?$', re.M)


class Clamd:
    """Knows one word."""

    def __init__(self):
        self.socket = socket.create_server(('127.0.0.1', 0), backlog=100)
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                threading.Thread(target=self.talk, args=(self.socket.accept()[0],), daemon=True).start()
            except OSError:
                return

    def talk(self, s):
        try:
            with s, s.makefile('rb') as f:
                command = content = b''
                while not command.endswith(b'\0'):
                    command += f.read(1) or b'\0'
                if command != b'zINSTREAM\0':
                    s.sendall(b'ClamAV 1/1/today\0' if command == b'zVERSION\0' else b'PONG\0')
                    return
                while n := int.from_bytes(f.read(4), 'big'):
                    content += f.read(n)
                s.sendall(b'stream: Word FOUND\0' if b'do-virus' in content else b'stream: OK\0')
        except OSError:  # whoever asked was killed
            pass


class Handled:
    def __init__(self, far):
        self.far, self.clamd, self.copies_held, self.back = far, Clamd(), 0, 0
        self.config = ['[engine "scripted"]', 'type = clamd', f'address = 127.0.0.1:{self.clamd.port}', '[web]', f'listen = 127.0.0.1:{free_port()}',
                       'tls = none', '[digest]', 'url = https://mail.house.test']

    def setup(self, p):
        self.p, path = p, os.path.join(p.dir, 'handled')
        p.setup_command(f'domain add {HOUSE}')
        for name in PEOPLE:
            p.setup_command(f'account add {name}@{HOUSE}')
        with open(path, 'w', encoding='utf-8') as f:
            f.write(POLICIES)
        os.chmod(path, 0o644)
        p.cli('policy', 'set', path)

    # What is sent, and what an administrator does meanwhile.

    def letter(self, number, rng):
        kind = rng.choice(sorted(self.missing() or KINDS))
        text = '\r\n'.join(rng.randbytes(30).hex() for _ in range(rng.randrange(20)))
        data = (f'X-Letter: {number}\r\nFrom: <dora@stranger.test>\r\nTo: <ann@{HOUSE}>\r\nSubject: do-{kind} {number}\r\n'
                f'Date: Sun, 22 Nov 2026 09:11:10 +0800\r\nMessage-ID: <{number}.handled@stranger.test>\r\n\r\n{text}\r\nend of {number}\r\n')
        self.kinds[number] = kind
        return 'dora@stranger.test', [f'{who}@{HOUSE}' for who in KINDS[kind]], data.encode()

    def begin(self, p):
        def connect():
            return smtplib.SMTP('127.0.0.1', p.ports['mx'], 'client.stranger.test', timeout=60)
        self.kinds, self.stop = {}, threading.Event()
        self.sender = Sender(self.far, 'handled', connect, self.letter)
        self.hands = threading.Thread(target=self.release_now_and_then, daemon=True)
        self.sender.start()
        self.hands.start()

    def release(self, *what, killed=False):
        """Twice at once: whoever comes second finds it done."""
        command = [PROGRAM, '--config', self.p.conf, 'quarantine', 'release', '--yes', *what]
        both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=self.p.environment) for _ in range(2)]
        if killed:
            time.sleep(0.15)
            both[0].kill()
        return [(x.communicate()[0].decode(), x.returncode) for x in both]

    def release_now_and_then(self):
        """Who does it is killed, too."""
        while not self.stop.wait(2):
            self.release('--class', 'spam', '--to', f'bob@{HOUSE}', killed=True)

    def missing(self):
        return set(KINDS) - {self.kinds[n] for n in self.sender.sent}

    def end(self):
        """Each kind shall have come."""
        end = time.monotonic() + 20
        while self.missing() and time.monotonic() < end:
            time.sleep(0.1)
        self.sender.stop.set()
        self.stop.set()
        self.sender.join()
        self.hands.join()

    # What became of it.

    def boxes(self):
        """(number, who) -> how often it is in the mailbox; 'boss' gets letters about approvals."""
        found = collections.Counter()
        for who in PEOPLE:
            where = os.path.join(self.p.dir, 'handled-' + who)
            self.p.cli('export', f'{who}@{HOUSE}', where, '--format', 'eml')
            for folder, _, names in os.walk(where):
                for name in names:
                    data = open(os.path.join(folder, name), 'rb').read()
                    mail = SUBJECT.search(data)
                    if not mail and who == 'boss':
                        mail = re.search(rb'do-(approve) (\d+)', data)
                    if not mail:
                        continue
                    found[int(mail[2]), who] += 1
                    if who != 'boss':
                        self.look_at(who, mail[1], int(mail[2]), data)
        return found

    def look_at(self, who, kind, number, data):
        released = b'\nX-Posthouse-Released: ' in b'\n' + data
        changed = b'\nSent by House.' in data
        if not re.search(rb'^end of %d\r?$' % number, data, re.M):
            self.faulty.append(f'{number} is damaged in the mailbox of {who}')
        if changed:
            self.changed[number] += 1
        if changed != (who == 'cat') and not released or kind in (b'hold', b'virus', b'approve', b'discard') and not released:
            self.faulty.append(f'{kind.decode()} {number} is not as policy wants it in the mailbox of {who}')

    def in_quarantine(self):
        """(held, originals): (number, who) -> how often; what was released is not held any more."""
        rows = json.loads(self.p.cli('quarantine', 'list', '--state', 'any', '--kind', 'all', '--json', '--limit', '0', check=False))['recipients']
        held, originals = collections.Counter(), collections.Counter()
        for r in rows:
            mail = re.fullmatch(r'do-\w+ (\d+)', r['subject'])
            if mail and r['state'] != 'released':
                kind = originals if r['kind'] == 'original' else held
                kind[int(mail[1]), r['to'].split('@')[0]] += 1
        return held, originals

    def sent_back(self):
        found = collections.Counter()
        for sender, rcpts, data in self.far.sink.got:
            mail = SUBJECT.search(data)
            if mail and sender == '' and rcpts == ['dora@stranger.test']:
                found[int(mail[2]), 'ann'] += 1
        return found

    def fault(self, number, kind, boxes, held, originals, back):
        accepted = number in self.sender.sent
        times = {}
        for who in KINDS[kind]:
            n = boxes[number, who] + held[number, who] + min(back[number, who], 1)  # a killed sender may have been heard
            times[who] = n + (boxes[number, 'fay'] if who == 'dan' else 0)
        if kind == 'split':
            times['audit'] = boxes[number, 'audit'] + held[number, 'audit']
            if self.changed[number]:
                times['as it came'] = originals[number, 'cat']
        if kind == 'approve':
            times['boss'] = boxes[number, 'boss']
        if number in self.sender.partly:
            return None
        allowed = {1} if accepted else {0, 1}
        if set(times.values()) - allowed or len(set(times.values())) != 1:
            return f'do-{kind} {number}, {"accepted" if accepted else "not answered"}: {times}'
        return None

    def waiting(self, p):
        with contextlib.closing(sqlite3.connect(f'file:{p.dir}/data/db/queue.sqlite?mode=ro', uri=True, timeout=20)) as db:
            return db.execute('SELECT COUNT(*) FROM notice').fetchone()[0]

    def faults(self, p):
        """After the queue is empty: sentences."""
        self.faulty, self.changed = list(self.sender.refused), collections.Counter()
        for said, code in self.release('--class', 'spam'):
            if code not in (0, 3):
                self.faulty.append(f'release: exit {code}: {said}')
        wait_until('what people are told', 60, lambda: not self.waiting(p))
        p.wait_queue(0, 60)
        places = (self.boxes(), *self.in_quarantine(), self.sent_back())
        faults = [self.fault(number, kind, *places) for number, kind in sorted(self.kinds.items())]
        self.back = sum(places[3].values())
        return self.faulty + [f for f in faults if f] + [f'no {kind} was accepted' for kind in sorted(self.missing())]

    def __str__(self):
        return f'{len(self.sender.sent)} (put off {self.sender.put_off}), sent back {self.back}'
