#!/usr/bin/env python3
"""Mail moves in from Dovecot and Cyrus (Debian's), while the process that does it is killed again and again: folders with odd names, flags, keywords,
dates and every byte are the same at the end, by an independent comparison over IMAP of both sides; a second pass copies nothing. Then accounts that
are collected, by IMAP and POP3.

    test/migrate.py [--full] [WORD ...]     --full: 20 accounts, 50 folders each, 20,000 messages; WORD: cases whose names contain one
"""
import argparse, base64, csv, hashlib, imaplib, io, os, random, signal, socket, sqlite3, ssl, subprocess, sys, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
import peers
from posthouse import Instance, PASSWORD, free_port, wait_until
from tally import case, expect, run_cases

imaplib._MAXLINE = 10000000
TLS = ssl._create_unverified_context()
NAMES = ['中文/项目', '中文/报告 2026', 'with space', 'a&b', '&-', 'quo"te', 'Ünïcödé', 'dots.in.name', 'deep/er/and/deeper', 'emoji😀', '日本語テスト',
         "apostrophe's", '#hash', '[brackets]', '{braces}', 'semi;colon', 'tilde~', 'plus+minus-', 'UPPER', 'upper lower', 'x' * 100, '한국어', 'Ελληνικά/Γ',
         'עברית', 'русский/язык', 'comma,name', 'equals=name', 'at@name', 'paren(s)', '$dollar']
POP3 = 'protocols = imap lmtp pop3\nservice pop3-login {{\n  inet_listener pop3 {{\n    port = {port}\n  }}\n  inet_listener pop3s {{\n    port = 0\n  }}\n}}\n'
random.seed(7)
THEIRS = 'old-horse-7'  # the password on the other servers


def mutf7(name):
    out, run = '', ''

    def flush():
        nonlocal out, run
        if run:
            out += '&' + base64.b64encode(run.encode('utf-16-be')).decode().rstrip('=').replace('/', ',') + '-'
            run = ''
    for c in name:
        if ' ' <= c <= '~':
            flush()
            out += '&-' if c == '&' else c
        else:
            run += c
    flush()
    return out


def from_mutf7(name):
    out, i = '', 0
    while i < len(name):
        if name[i] != '&':
            out += name[i]
            i += 1
            continue
        end = name.index('-', i)
        chunk = name[i + 1:end]
        out += '&' if not chunk else base64.b64decode(chunk.replace(',', '/') + '=' * (-len(chunk) % 4)).decode('utf-16-be')
        i = end + 1
    return out


def quoted(name):
    return '"' + name.replace('\\', '\\\\').replace('"', '\\"') + '"'


class Mail:
    """One side, by its IMAP."""

    def __init__(self, port, user, tls=False, password=THEIRS):
        self.m = imaplib.IMAP4_SSL('127.0.0.1', port, ssl_context=TLS) if tls else imaplib.IMAP4('127.0.0.1', port)
        self.m.login(user, password)

    def close(self):
        self.m.logout()

    def folders(self):
        found = {}
        for line in self.m.list()[1]:
            if isinstance(line, tuple):
                head, name = line[0].decode(), line[1].decode()
                attributes = head
            else:
                text = line.decode()
                attributes, rest = text[:text.index(')') + 1], text[text.index(')') + 2:]
                name = rest.split(' ', 1)[1]
                if name.startswith('"'):
                    name = name[1:-1].replace('\\"', '"').replace('\\\\', '\\')
            if '\\noselect' not in attributes.lower() and '\\nonexistent' not in attributes.lower():
                found[from_mutf7(name)] = name
        return found

    def messages(self, name):
        """In order: flags, date, SHA-256."""
        typ, _ = self.m.select(quoted(name), readonly=True)
        expect(f'select {name}', typ, 'OK')
        typ, data = self.m.uid('FETCH', '1:*', '(FLAGS INTERNALDATE BODY.PEEK[])')
        found = []
        for i, part in enumerate(data or []):
            if not isinstance(part, tuple):
                continue
            tail = data[i + 1] if i + 1 < len(data) and isinstance(data[i + 1], bytes) else b''
            about = part[0] + tail
            flags = {f.decode() for f in imaplib.ParseFlags(about)} - {'\\Recent'}
            date = time.mktime(imaplib.Internaldate2tuple(about))
            found.append((tuple(sorted(flags)), date, hashlib.sha256(part[1]).hexdigest()))
        return found

    def whole(self):
        return {name: self.messages(raw) for name, raw in self.folders().items()}


def letter(i):
    kind = i % 12
    body = f'message {i}\r\n' + 'line of text\r\n' * random.randrange(0, 60)
    if kind == 1:
        body = ''
    elif kind == 2:
        body += '8-bit: Ünï 中文\r\n'
    elif kind == 3:
        body += 'x' * 3000 + '\r\n'
    elif kind == 4:
        body += base64.encodebytes(random.randbytes(random.randrange(1000, 90000))).decode().replace('\n', '\r\n')
    elif kind == 5:
        body = 'no line end at the end'
    elif kind == 6:
        body = '.\r\n..\r\nFrom here\r\n'
    elif kind == 7:
        i = 7  # all of them the same
        body = 'again and again\r\n'
    return f'From: a{i}@far.test\r\nSubject: letter {i}\r\nMessage-ID: <{i}@far.test>\r\n\r\n{body}'.encode()


def fill(port, user, folders, each, first):
    """Pipelined APPENDs over a connection of its own."""
    m = Mail(port, user)
    made = []
    for name in folders:
        raw = mutf7(name)
        if name == 'INBOX' or m.m.create(quoted(raw))[0] == 'OK':
            m.m.subscribe(quoted(raw))
            made.append((name, raw))
    m.close()
    with socket.create_connection(('127.0.0.1', port), 20) as s:
        f = s.makefile('rb')
        f.readline()
        s.sendall(f'l LOGIN {user} {THEIRS}\r\n'.encode())
        while not f.readline().startswith(b'l '):
            pass
        n = first
        for name, raw in made:
            tags = []
            for k in range(each if name != made[-1][0] else 0):  # the last one stays empty
                flags = [x for x in ('\\Seen', '\\Answered', '\\Flagged', '\\Deleted', '\\Draft', '$Forwarded', 'work', 'NonJunk') if random.random() < 0.25]
                date = imaplib.Time2Internaldate(1000000000 + n * 7919)
                text = letter(n)
                s.sendall(f'a{n} APPEND {quoted(raw)} ({" ".join(flags)}) {date} {{{len(text)}+}}\r\n'.encode() + text + b'\r\n')
                tags.append(n)
                n += 1
                if len(tags) % 50 == 0 or k == each - 1:
                    want = f'a{n - 1} '.encode()
                    while not (line := f.readline()).startswith(want):
                        expect('append', line.split()[1:2] if line.startswith(b'a') else [b'OK'], [b'OK'])
                    expect('append', line.split()[1], b'OK')
    return n


def compare(what, there, here):
    for name in there:
        if name not in here:
            raise AssertionError(f'{what}: {name!r} is not here; there are {sorted(here)}')
        expect(f'{what}, {name}: number', len(here[name]), len(there[name]))
        for k, (a, b) in enumerate(zip(there[name], here[name])):
            expect(f'{what}, {name}, message {k}', b, a)
    for name in set(here) - set(there):
        expect(f'{what}: mail in a folder that is not there: {name}', here[name], [])


def normal(folders):
    """Flags are compared without regard to case."""
    return {name: [(tuple(sorted(f.lower() for f in flags)), date, sha) for flags, date, sha in v] for name, v in folders.items()}


def ours(address):
    m = Mail(p.ports['imaps'], address, True, PASSWORD)
    try:
        return normal(m.whole())
    finally:
        m.close()


def theirs(account):
    m = Mail(account['port'], account['user'])
    try:
        return normal(m.whole())
    finally:
        m.close()


def collect_pid():
    return next((pid for pid, role in p.processes().items() if role == 'collect'), None)


def jobs(batch='first'):
    return p.json('migrate', 'list', '--batch', batch)['jobs']


def total(key, batch='first'):
    return sum(j[key] for j in jobs(batch))


def taken():
    """How many messages are known to be here, by passes that run or have ended."""
    return sum(j['copied'] + j['present'] for j in jobs())


def wait_done(batch='first', seconds=None):
    wait_until('all jobs to end', seconds or (600 if args.full else 60), lambda: all(j['state'] in ('done', 'failed') for j in jobs(batch)), every=0.3)
    for j in jobs(batch):
        expect(f"job of {j['address']} ({j['why']})", j['state'], 'done')


def table(accounts, rate):
    out = io.StringIO()
    w = csv.writer(out)
    w.writerow(['address', 'host', 'port', 'security', 'user', 'password', 'rate'])
    for a in accounts:
        w.writerow([a['address'], '127.0.0.1', a['tls_port'] if a['tls'] else a['port'], 'tls' if a['tls'] else 'starttls', a['user'], THEIRS, rate])
    path = p.dir + '/accounts.csv'
    with open(path, 'w', encoding='utf-8') as f:
        f.write(out.getvalue())
    return path


@case
def whole_accounts_move_while_the_process_is_killed():
    messages = sum(a['messages'] for a in accounts)
    p.cli('migrate', 'import', table(accounts, '' if args.full else '120k'), '--batch', 'first', '--insecure')
    killed = 0
    for share in (0.15, 0.4, 0.7):
        wait_until('some messages', 120, lambda: taken() >= share * messages or all(j['state'] == 'done' for j in jobs()), every=0.05)
        if all(j['state'] == 'done' for j in jobs()):
            break
        pid = collect_pid()
        os.kill(pid, signal.SIGKILL)
        killed += 1
        wait_until('another collect process', 20, lambda: collect_pid() not in (None, pid))
    expect('killed', killed, 3)
    wait_done()
    p.cli('migrate', 'watch', '--batch', 'first')
    for a in accounts:
        compare(a['address'], theirs(a), ours(a['address']))
    expect('refused', total('refused'), 0)
    expect('no password is in the database or the log', [f for f in (p.dir + '/log', p.dir + '/data/db/import.sqlite', p.dir + '/data/db/import.sqlite-wal')
                                                         if os.path.exists(f) and THEIRS.encode() in open(f, 'rb').read()], [])


@case
def a_second_pass_copies_nothing():
    before = {a['address']: ours(a['address']) for a in accounts}
    p.cli('migrate', 'again', '--batch', 'first')
    wait_done()
    expect('copied', total('copied'), 0)
    expect('flags', total('flagged'), 0)
    expect('seen', total('messages'), sum(a['messages'] for a in accounts))
    for a in accounts:
        expect(f"{a['address']} is as before", ours(a['address']), before[a['address']])


@case
def what_changed_there_comes():
    for a in accounts[:1] + accounts[-1:]:
        m = Mail(a['port'], a['user'])
        m.m.select('INBOX')
        m.m.uid('STORE', '1', '+FLAGS', '(\\Flagged changed)')
        m.m.uid('STORE', '2', '-FLAGS', '(\\Seen)')
        m.m.uid('STORE', '2', '+FLAGS', '(\\Answered)')
        m.m.append('INBOX', '(\\Seen)', imaplib.Time2Internaldate(1700000000), b'Subject: new\r\n\r\nnew\r\n')
        m.close()
    p.cli('migrate', 'again', '--batch', 'first')
    wait_done()
    expect('copied', total('copied'), 2)
    for a in accounts[:1] + accounts[-1:]:
        compare(a['address'], theirs(a), ours(a['address']))


@case
def every_byte_is_compared():
    p.cli('migrate', 'verify', '--batch', 'first')
    wait_done()
    expect('copied', total('copied'), 0)
    expect('the same', total('verified'), total('messages'))
    expect('different, missing', (total('different'), total('missing')), (0, 0))
    report = p.json('migrate', 'report', '--batch', 'first')['accounts']
    expect('accounts in the report', len(report), len(accounts))
    rows = list(csv.DictReader(io.StringIO(p.cli('migrate', 'report', '--batch', 'first', '--csv'))))
    expect('the same in the table', sum(int(r['verified']) for r in rows), total('verified'))


def collected(job):
    return p.json('collect', 'show', str(job))


def wait_pass(job, passes):
    wait_until('a pass', 30, lambda: (j := collected(job))['passes'] > passes and j['state'] == 'waiting', every=0.1)
    return collected(job)


def add_collection(*args):
    out = p.cli('collect', 'add', *args, '--password-file', '-', '--json', stdin=THEIRS + '\n')
    return int(out.split('"id":')[1].split('\n')[0].strip(' ,}'))


def subjects(address, folder):
    m = Mail(p.ports['imaps'], address, True, PASSWORD)
    try:
        if m.m.select(quoted(folder), readonly=True)[0] != 'OK':
            return []
        data = m.m.uid('FETCH', '1:*', '(FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])')[1]
        return sorted((x[1].decode().strip()[9:], b'$Unfiltered' in x[0]) for x in data if isinstance(x, tuple))
    finally:
        m.close()


def post(user, *words):
    m = Mail(ports[0], user)
    for word in words:
        m.m.append('INBOX', None, imaplib.Time2Internaldate(time.time() - 100), f'From: x@far.test\r\nSubject: {word}\r\n\r\n.dot\r\n{word}\r\n'.encode())
    m.close()


def left(user):
    m = Mail(ports[0], user)
    n = int(m.m.select('INBOX', readonly=True)[1][0])
    m.close()
    return n


@case
def accounts_elsewhere_are_collected():
    """By POP3 through the filter, by IMAP straight into a folder; each message once; deleted there by the pass after."""
    address = 'col@one.test'
    p.setup_command(f'account add {address}')
    post('pp', 'one', 'two')
    post('ii', 'eins', 'zwei')
    pop = add_collection(address, '--from', f'127.0.0.1:{pop_port}', '--protocol', 'pop3', '--security', 'none', '--user', 'pp', '--delete-after', '0', '--every', '1h')
    imap = add_collection(address, '--from', f'127.0.0.1:{ports[0]}', '--security', 'starttls', '--insecure', '--user', 'ii', '--folder', 'Elsewhere', '--unfiltered',
                          '--every', '1h')
    wait_pass(pop, 0)
    wait_pass(imap, 0)
    wait_until('mail from the filter', 20, lambda: len(subjects(address, 'INBOX')) >= 2)
    expect('through the filter', subjects(address, 'INBOX'), [('one', False), ('two', False)])
    expect('past it', subjects(address, 'Elsewhere'), [('eins', True), ('zwei', True)])
    expect('still there', (left('pp'), left('ii')), (2, 2))
    post('pp', 'three')
    post('ii', 'drei')
    for job in (pop, imap):
        before = collected(job)['passes']
        p.cli('collect', 'now', str(job))
        wait_pass(job, before)
    wait_until('the third', 20, lambda: len(subjects(address, 'INBOX')) >= 3)
    expect('once each', [s for s, _ in subjects(address, 'INBOX')], ['one', 'three', 'two'])
    expect('once each', [s for s, _ in subjects(address, 'Elsewhere')], ['drei', 'eins', 'zwei'])
    expect('deleted there, or not', (left('pp'), left('ii')), (1, 3))


@case
def chosen_folders_and_messages_are_collected():
    address = 'pick@one.test'
    p.setup_command(f'account add {address}')
    m = Mail(ports[0], 'jj')
    for folder, sender, subject, days in (('INBOX', 'shop@far.test', 'Order 1', 1), ('INBOX', 'shop@far.test', 'Order of long ago', 400), ('INBOX', 'spam@far.test', 'Order?', 1),
                                          ('Work', 'Shop@Far.test', 'your ORDER', 2), ('Work/Deep', 'shop@far.test', 'order deep', 2), ('Private', 'shop@far.test', 'order private', 1)):
        if folder != 'INBOX':
            m.m.create(folder)
        m.m.append(folder, None, imaplib.Time2Internaldate(time.time() - days * 86400), f'From: {sender}\r\nSubject: {subject}\r\n\r\nx\r\n'.encode())
    m.close()
    job = add_collection(address, '--from', f'127.0.0.1:{ports[0]}', '--security', 'none', '--user', 'jj', '--folders', 'INBOX', 'Work', '--map', 'Work/Deep=Tief', '--since', '30d',
                         '--from-contains', 'SHOP@', '--subject-contains', 'order', '--unfiltered', '--delete-after', '0', '--every', '1h')
    wait_pass(job, 0)
    expect('in their folders', [[s for s, _ in subjects(address, f)] for f in ('INBOX', 'Work', 'Tief', 'Private')],
           [['Order 1'], ['your ORDER'], ['order deep'], []])
    p.cli('collect', 'now', str(job))
    expect('nothing twice', wait_pass(job, 1)['copied'], 0)
    expect('only what was collected is deleted there', left('jj'), 2)
    expect('why', 'may not collect' in p.cli('collect', 'add', address, '--from', 'mail.far.test', '--user', 'x', '--as-person', '--password-file', '-', stdin='x\n', check=False), False)
    p.setup_command('account add may@one.test')
    p.cli('account', 'set', address, '--deny', 'collect')
    expect('why', 'may not collect' in p.cli('collect', 'add', address, '--from', 'mail2.far.test', '--user', 'x', '--as-person', '--password-file', '-', stdin='x\n', check=False), True)
    expect('why', 'administrators' in p.cli('collect', 'add', 'may@one.test', '--from', 'mail2.far.test', '--user', 'x', '--as-person', '--unfiltered', '--password-file', '-',
                                            stdin='x\n', check=False), True)


@case
def nothing_comes_to_who_has_the_address_now():
    address = 'next@one.test'
    p.setup_command(f'account add {address}')
    post('kk', 'for the first one')
    there = ('--from', f'127.0.0.1:{ports[0]}', '--security', 'none', '--every', '1h', '--user')
    job = add_collection(address, *there, 'kk', '--folder', 'Elsewhere', '--unfiltered')
    wait_pass(job, 0)
    own = add_collection(address, *there, 'll', '--as-person')
    p.cli('account', 'set', address, '--deny', 'collect')

    def tried(j, said):  # the process sees what changed in the directory within a second
        def look():
            p.cli('collect', 'now', str(j))
            return said in (collected(j)['why'] or '')
        wait_until(said, 20, look, every=0.5)
    tried(own, 'may not collect')
    p.cli('account', 'rename', address, 'first@one.test', '--no-alias')
    p.setup_command(f'account add {address}')
    post('kk', 'for nobody')
    with sqlite3.connect(f'{p.dir}/data/db/import.sqlite', timeout=20) as d:
        d.execute('UPDATE job SET address = ? WHERE id = ?', (address, job))  # as before the databases follow
    d.close()
    tried(job, 'another account')
    expect('nothing', (subjects(address, 'Elsewhere'), subjects(address, 'INBOX')), ([], []))


@case
def servers_inside_and_wrong_passwords():
    address = 'who@one.test'
    p.setup_command(f'account add {address}')
    inside = add_collection(address, '--from', f'127.0.0.1:{ports[0]}', '--security', 'none', '--user', 'ii', '--as-person')
    wait_until('a failure', 20, lambda: collected(inside)['failures'] > 0)
    expect('why', 'allow_private' in collected(inside)['why'], True)
    # The certificate is not one that verifies; then the wrong fingerprint; then a password that is wrong: for good, without another try.
    for more, said in ((['--security', 'starttls'], 'certificate'), (['--security', 'starttls', '--fingerprint', 'ab' * 32], 'certificate'),
                       (['--security', 'none', '--user', 'nobody', '--auth', 'xoauth2'], 'IMAP server')):
        user = [] if '--user' in more else ['--user', 'ii']
        p.cli('migrate', 'add', address, '--from', f'127.0.0.1:{ports[0]}', *more, *user, '--password-file', '-', '--batch', 'bad', stdin='wrong\n')
        wait_until('it failed', 20, lambda: jobs('bad') and jobs('bad')[-1]['state'] == 'failed')
        if said not in jobs('bad')[-1]['why']:
            raise AssertionError(jobs('bad')[-1]['why'])
        p.cli('migrate', 'remove', str(jobs('bad')[-1]['id']))


def main():
    global args, p, accounts, ports, pop_port
    a = argparse.ArgumentParser()
    a.add_argument('--full', action='store_true')
    a.add_argument('words', nargs='*')
    args = a.parse_args()
    accounts = []
    with Instance(listeners=('lmtp', 'imap', 'imaps'), config=['[collect]', 'parallel = 8', '[access]', 'max_per_ip = 5000']) as p:
        try:
            ports = [free_port() for _ in range(3)]
            pop_port = free_port()
            dovecot = peers.dovecot(p.cert_file, p.key_file, ports, THEIRS, extra=POP3.format(port=pop_port))
        except peers.Unavailable as e:
            print(f'skipped: Dovecot: {e}\n0 passed, 0 failed')
            return 0
        cyrus = None
        n = 10 if args.full else 2
        try:
            try:
                cports = [free_port() for _ in range(2)]
                cyrus = peers.cyrus(p.cert_file, p.key_file, cports, THEIRS, [f'c{i}' for i in range(n)])
            except peers.Unavailable as e:
                print(f'skipped: Cyrus: {e}')
            p.setup_command('domain add one.test')
            for i in range(n):
                accounts.append(dict(user=f'd{i}', address=f'd{i}@one.test', port=ports[0], tls_port=ports[1], tls=i % 2 == 0))
            for i in range(n if cyrus else 0):
                accounts.append(dict(user=f'c{i}', address=f'c{i}@one.test', port=cports[0], tls_port=cports[1], tls=i % 2 == 0))
            number = 1
            for x in accounts:
                p.setup_command(f'account add {x["address"]}')
                folders = ['INBOX'] + (NAMES + [f'Folder {k}/sub' for k in range(19)] if args.full else random.sample(NAMES, 12))
                before = number
                number = fill(x['port'], x['user'], folders, 20 if args.full else 8, number)
                x['messages'] = number - before
            print(f'{len(accounts)} accounts, {number - 1} messages', flush=True)
            p.start()
            return run_cases(args.words)
        finally:
            dovecot.stop()
            if cyrus:
                cyrus.stop()


if __name__ == '__main__':
    sys.exit(main())
