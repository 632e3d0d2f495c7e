#!/usr/bin/env python3
"""What delivery does for accounts, through a running server: summaries, folders by +detail, forwards, automatic answers, junk, and
what moved letters teach.

    test/delivery.py [WORD ...]     the cases whose names contain one of the words
"""
import email, email.policy, imaplib, os, re, smtplib, sqlite3, ssl, sys, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from posthouse import Instance, PASSWORD, free_port, wait_until
from sink import Sink
from tally import case, run_cases

ANN, BOB = 'ann@local.test', 'bob@local.test'
JUNK = 3  # enum mailbox_use
RULE = 'rule test-junk 20\n\ten the word of this test\n\ttext has abracadabra\n'


class Site(Instance):
    def __init__(self, *config, sink=None, setup=()):
        super().__init__(config=['[filter]', 'mark = 0', 'reject = 0', 'quarantine = 0', *config], listeners=('mx', 'submission', 'imap'))
        for command in ('domain add local.test', f'account add {ANN} --name "Ann Example"', f'account add {BOB}',
                        f'alias add info@local.test {ANN}'):
            self.setup_command(command)
        port = sink.port if sink else free_port()
        self.setup_command(f'route add far --protocol smtp --hosts [127.0.0.1]:{port} --tls none --match far.test')
        for command in setup:
            self.setup_command(command)
        self.start()

    def send(self, to, subject='hello', sender='zoe@else.test', header='', body='A letter.', shown=None):
        with smtplib.SMTP('127.0.0.1', self.ports['mx'], timeout=60) as s:
            s.sendmail(sender, [to], f'From: Zoe <zoe@else.test>\r\nTo: {shown or to}\r\nSubject: {subject}\r\nDate: Sun, 22 Nov 2026 09:11:10 +0800\r\n'
                       f'Message-ID: <{time.time_ns()}@else.test>\r\n{header}\r\n{body}\r\n')

    def shard(self, address):
        account = next(a for a in self.json('account', 'list')['accounts'] if a['address'] == address)['id']
        return sqlite3.connect(f'{self.dir}/data/db/mail-{account % 4:02}.sqlite', timeout=30), account

    def make_folder(self, address, name, use=0):
        """As a mail program would; needs a mailbox that has mail."""
        db, account = self.shard(address)
        with db:
            number, = db.execute('SELECT MAX(id) + 1 FROM folder WHERE account_id = ?', (account,)).fetchone()
            columns = [c[1] for c in db.execute('PRAGMA table_info(folder)')]
            values = dict.fromkeys(columns, 0) | {'account_id': account, 'id': number, 'name': name, 'uidvalidity': number, 'uidnext': 1,
                                                  'recent_uid': 1, 'special': use}
            db.execute(f'INSERT INTO folder ({",".join(columns)}) VALUES ({",".join("?" * len(columns))})', [values[c] for c in columns])
            db.execute('UPDATE mailbox SET next_folder = MAX(next_folder, ?) WHERE account_id = ?', (number + 1, account))
        db.close()

    def folder_of(self, address, subject, seconds=15):
        def find():
            db, account = self.shard(address)
            rows = db.execute('SELECT f.name, e.summary FROM message m JOIN folder f ON f.account_id = m.account_id AND f.id = m.folder_id'
                              ' JOIN email e ON e.id = m.email_id WHERE m.account_id = ?', (account,)).fetchall()
            db.close()
            return [(name, s) for name, s in rows if subject.encode() in s]
        return wait_until(f'"{subject}" for {address}', seconds, find)

    def imap(self, address):
        m = imaplib.IMAP4('127.0.0.1', self.ports['imap'])
        m.starttls(ssl._create_unverified_context())
        m.login(address, PASSWORD)
        return m

    def lessons(self):
        with open(self.log.name, encoding='utf-8') as f:
            return [(m[1], m[2], m[3]) for m in re.finditer(r'event=lesson.moved \S+ who=(\S+) as=(\S+) done=(\S+)', f.read())]


def expect(good, what):
    if not good:
        raise AssertionError(what)


def parse(raw):
    return email.message_from_string(raw if isinstance(raw, str) else raw.decode(), policy=email.policy.default)


@case
def summaries_are_made_once():
    with Site() as p:
        p.send(ANN, 'A summarised one', body='What it begins with.')
        (folder, summary), = p.folder_of(ANN, 'A summarised one')
        expect(folder == 'INBOX' and b'What it begins with.' in summary, 'the summary came with the letter')
        expect(len(summary) < 1000, f'{len(summary)} bytes')
        with smtplib.SMTP('127.0.0.1', p.ports['submission']) as s:
            s.starttls(context=ssl._create_unverified_context())
            s.login(BOB, PASSWORD)
            s.sendmail(BOB, [ANN], f'From: {BOB}\r\nTo: {ANN}\r\nSubject: Without a Message-ID\r\n\r\nx\r\n')
        (_, summary), = p.folder_of(ANN, 'Without a Message-ID')
        raw = p.wait_mail(ANN, 2)
        expect(parse(raw)['Message-ID'].encode() in summary, 'what submission added is in it')


@case
def plus_addresses_find_folders():
    with Site() as p:
        p.send(ANN, 'first')
        p.wait_mail(ANN, 1)
        for name, use in (('Work', 0), ('Work/2026', 0), ('Trash', 5), ('Ablage', JUNK)):
            p.make_folder(ANN, name, use)
        for detail, want in (('work', 'Work'), ('WORK', 'Work'), ('work/2026', 'Work/2026'), ('Work.2026', 'Work/2026'), ('none', 'INBOX'),
                             ('trash', 'INBOX'), ('ablage', 'INBOX'), ('', 'INBOX')):
            p.send(f'ann+{detail}@local.test', f'to {detail}!')
            (folder, _), = p.folder_of(ANN, f'to {detail}!')
            expect(folder == want, f'+{detail} -> {folder}, not {want}')
        db, account = p.shard(ANN)
        expect(db.execute('SELECT COUNT(*) FROM folder WHERE account_id = ?', (account,)).fetchone()[0] == 5, 'no folder was made')
        db.close()
    with Site('[delivery]', 'plus_folders = no') as p:
        p.send(ANN, 'first')
        p.wait_mail(ANN, 1)
        p.make_folder(ANN, 'Work')
        p.send('ann+work@local.test', 'switched off')
        expect(p.folder_of(ANN, 'switched off')[0][0] == 'INBOX', 'the switch')


@case
def forwards_keep_or_not_and_never_go_round():
    sink = Sink()
    try:
        with Site(sink=sink) as p:
            p.cli('forward', 'set', ANN, 'ann@far.test', BOB)
            p.send(ANN, 'forwarded')
            sender, rcpts, raw = sink.wait(1)
            expect(rcpts == ['ann@far.test'] and sender.startswith('SRS0='), f'{sender} -> {rcpts}')
            expect(f'Delivered-To: {ANN}'.encode() in raw, 'Delivered-To')
            p.folder_of(ANN, 'forwarded')
            p.folder_of(BOB, 'forwarded')
            # Their system sends it back: it stays.
            with smtplib.SMTP('127.0.0.1', p.ports['mx']) as s:
                s.sendmail('zoe@else.test', [ANN], raw.replace(b'Subject: forwarded', b'Subject: came back'))
            p.folder_of(ANN, 'came back')
            # The owner is told, in a letter.
            told = [m for m in p.mail(ANN) if 'orwarded' in p.cli('mailbox', 'cat', ANN, str(m['uid'])) and
                    'X-Posthouse-Notice: forward' in p.cli('mailbox', 'cat', ANN, str(m['uid']))]
            expect(len(told) == 1, f'{len(told)} letters about it')
            rows = p.json('forward', 'list', '--outside')['forwards']
            expect([r['address'] for r in rows] == [ANN] and rows[0]['outside'] and rows[0]['keep'], rows)
            p.cli('forward', 'set', ANN, BOB, '--no-copy')
            time.sleep(1.2)
            p.send(ANN, 'only there')
            p.folder_of(BOB, 'only there')
            p.wait_queue(0)
            db, account = p.shard(ANN)
            expect(not db.execute("SELECT 1 FROM email WHERE account_id = ? AND instr(summary, CAST('only there' AS BLOB))", (account,)).fetchall(),
                   'no copy stays')
            db.close()
            expect(not p.json('forward', 'list', '--outside')['forwards'], 'none leads outside')
            expect('same mailbox' in p.cli('forward', 'set', ANN, 'info@local.test', check=False), 'to itself')
            # Two that forward to each other: each keeps it once.
            p.cli('forward', 'set', ANN, BOB)
            p.cli('forward', 'set', BOB, ANN)
            time.sleep(1.2)
            p.send(ANN, 'ping pong')
            p.wait_queue(0)
            time.sleep(0.5)
            p.wait_queue(0)
            expect(len(p.folder_of(ANN, 'ping pong')) <= 2 and len(p.folder_of(BOB, 'ping pong')) <= 2, 'it ended')
            p.cli('forward', 'remove', ANN)
            expect('no forwarding' in p.cli('forward', 'remove', ANN, check=False), 'twice')
        with Site('[delivery]', 'forward_outside = no', sink=sink, setup=[f'forward set {ANN} x@far.test --no-copy']) as p:
            before = len(sink.got)
            p.send(ANN, 'stays here')
            p.folder_of(ANN, 'stays here')
            expect(len(sink.got) == before, 'nothing left')
    finally:
        sink.stop()


@case
def people_are_answered_once():
    sink = Sink()
    try:
        with Site(sink=sink) as p:
            p.cli('autoreply', 'set', ANN, '--text', 'Ich bin zurück am Montag.\nAnn', '--days', '3')
            p.send(ANN, 'are you there', sender='zoe@far.test', header='References: <r@x>\r\n')
            sender, rcpts, raw = sink.wait(1)
            m = parse(raw)
            expect(sender == '' and rcpts == ['zoe@far.test'], f'{sender} -> {rcpts}')
            expect(m['Auto-Submitted'] == 'auto-replied' and m['Subject'] == 'Auto: are you there', m['Subject'])
            expect(m['From'].addresses[0].addr_spec == ANN and m['From'].addresses[0].display_name == 'Ann Example', m['From'])
            expect(m['In-Reply-To'].endswith('@else.test>') and m['References'].split() == ['<r@x>', m['In-Reply-To']], m['References'])
            expect(m.get_content().strip() == 'Ich bin zurück am Montag.\r\nAnn'.replace('\r\n', '\n') or 'zurück' in m.get_content(), m.get_content())
            for n, (subject, sender, header, shown) in enumerate((('again', 'zoe@far.test', '', None), ('list', 'y1@far.test', 'List-Id: <x>\r\n', None),
                                                          ('bulk', 'y2@far.test', 'Precedence: bulk\r\n', None), ('robot', 'noreply@far.test', '', None),
                                                          ('auto', 'y3@far.test', 'Auto-Submitted: auto-generated\r\n', None),
                                                          ('bcc', 'y4@far.test', '', 'others@far.test'), ('null', '', '', None))):
                p.send(ANN, f'no answer {subject}', sender=sender, header=header, shown=shown)
                p.folder_of(ANN, f'no answer {subject}')
            p.send('info@local.test', 'another', sender='max@far.test')
            expect(sink.wait(2)[1] == ['max@far.test'], 'by the other name')
            time.sleep(3)
            expect(len(sink.got) == 2, [g[1] for g in sink.got])
            p.cli('autoreply', 'off', ANN)
            time.sleep(1.2)
            p.send(ANN, 'later', sender='new@far.test')
            p.folder_of(ANN, 'later')
            time.sleep(3)
            expect(len(sink.got) == 2, 'it is off')
            expect('no text' in p.cli('autoreply', 'set', ANN, check=False), 'without a text')
    finally:
        sink.stop()


@case
def moved_letters_teach():
    with Site('[reports]', 'letters_per_hour = 3') as p:
        for n in range(5):
            p.send(ANN, f'letter {n}', body=f'Number {n}: cheap pills and watches. ' * 20)
            p.wait_mail(ANN, n + 1)
        m = p.imap(ANN)
        m.select('INBOX')
        m.uid('MOVE', '1', 'Junk')
        wait_until('the lesson', 30, lambda: p.lessons() == [(ANN, 'spam', 'learned')])
        m.select('Junk')
        m.uid('MOVE', '1', 'INBOX')  # not so
        wait_until('the other lesson', 30, lambda: p.lessons()[1:] == [(ANN, 'ham', 'learned')])
        m.select('INBOX')
        m.uid('MOVE', '2:4', 'Junk')
        wait_until('three more', 30, lambda: len(p.lessons()) == 5)
        expect(sorted(done for _, _, done in p.lessons()[2:]) == ['learned', 'many', 'many'], p.lessons())
        m.uid('MOVE', '5', 'Trash')
        m.uid('COPY', '6', 'Archive')
        time.sleep(12)
        expect(len(p.lessons()) == 5, p.lessons())
        m.logout()


if __name__ == '__main__':
    sys.exit(run_cases(sys.argv[1:]))
