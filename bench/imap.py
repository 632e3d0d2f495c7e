#!/usr/bin/env python3
"""Mailboxes beside Dovecot (sdbox, syncing as its defaults do) and Cyrus from Debian: the same IMAP load, one alternating run.

    ./dev bench imap [--part rate,big,idle,deliver,whole] [--peers dovecot,cyrus] [--reps 3] [--seconds 3] [--big 100000] [--idle 1000,10000]
                     [--whole 5000,2000]

rate     a session with login, select and fetches; APPEND; flags; SEARCH TEXT; with and without TLS: operations a second, CPU of
         all server processes an operation, p50 and p99
big      a mailbox of many messages: open, list flags, list envelopes (twice), search, sort, thread, flags of all; CPU of the whole.
         Filled by APPEND; Cyrus' by files and its own `reconstruct`, as it needs an hour for 100,000 APPENDs
idle     so many sessions in IDLE over TLS: private memory of all server processes and slab of the kernel (both ends), a session
deliver  SMTP to mailbox, 4 KiB, many connections: Posthouse beside Postfix handing over to Dovecot by LMTP; no filter on either
whole    Posthouse alone: so many accounts, a letter in each, so many of them logged in, in IDLE over TLS: memory of all its processes
         (pages they share count once) and what the kernel's slab grew by (both ends)

CPU of a process that has ended is counted where its parent waited for it. Medians; ratios to Dovecot. Needs root (peers run in overlays).
"""
import argparse, glob, json, os, resource, sqlite3, statistics, subprocess, sys, time
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '../test/lib'), HERE]
import memory, peers, smtp
from posthouse import Instance, free_port

K = 1024
PASSWORD = 'correct-horse-7'
USERS = 20
APPENDED = 500  # messages in each mailbox that is read
BIG_USER = USERS - 1

# name, arguments of imapload, TLS
RATE = [('session: login, select, 10 fetches, c1', ['-m', 'fetch', '-c', '1', '-U', '10'], False),
        ('session: login, select, 10 fetches, c10', ['-m', 'fetch', '-c', '10', '-U', '10'], False),
        ('session: login, select, 10 fetches, c10', ['-m', 'fetch', '-c', '10', '-U', '10'], True),
        ('session: login, select, no fetch, c10', ['-m', 'fetch', '-k', '0', '-c', '10', '-U', '10'], False),
        ('300 fetches a session, c4', ['-m', 'fetch', '-k', '300', '-c', '4', '-U', '10'], False),
        ('300 fetches a session, c4', ['-m', 'fetch', '-k', '300', '-c', '4', '-U', '10'], True),
        ('append 4 KiB, c1', ['-m', 'append', '-c', '1', '-B', '10', '-U', '8'], False),
        ('append 4 KiB, c10', ['-m', 'append', '-c', '10', '-B', '10', '-U', '8'], False),
        ('append 4 KiB, c10', ['-m', 'append', '-c', '10', '-B', '10', '-U', '8'], True),
        ('append 50 KiB, c10', ['-m', 'append', '-c', '10', '-s', str(50 * K), '-B', '10', '-U', '8'], False),
        ('flags of one message, c1', ['-m', 'store', '-c', '1', '-U', '10'], False),
        ('flags of one message, c10', ['-m', 'store', '-c', '10', '-U', '10'], False),
        ('search text in 500 messages, c1', ['-m', 'search', '-c', '1', '-U', '10', '-n', '20'], False)]

BIG = [('select', 'SELECT INBOX'), ('flags', 'FETCH 1:* (UID FLAGS)'), ('envelopes', 'FETCH 1:* (UID ENVELOPE)'),
       ('again', 'FETCH 1:* (UID ENVELOPE)'), ('search subject', 'UID SEARCH SUBJECT "number 777"'),
       ('search unseen from', 'UID SEARCH UNSEEN FROM "person5@"'), ('sort', 'SORT (REVERSE DATE) UTF-8 ALL'),
       ('thread', 'THREAD REFERENCES UTF-8 ALL'), ('all seen', 'UID STORE 1:* +FLAGS.SILENT (\\Seen)')]


def copy_accounts(directory, n):
    """More accounts with the password of the first: hashing it for each would take longer than all that is measured."""
    for name, table, columns in (('directory', 'account', "id + {i}, REPLACE(address, 'user0@', 'user{i}@')"), ('credential', 'credential', 'account_id + {i}')):
        path, = glob.glob(f'{directory}/**/{name}.sqlite', recursive=True)
        db = sqlite3.connect(path)
        names = [r[1] for r in db.execute(f'PRAGMA table_info({table})')]
        kept = [c for c in names if c not in ('id', 'account_id', 'address')]
        new = [c for c in ('id', 'account_id', 'address') if c in names]
        for i in range(1, n):
            db.execute(f"INSERT INTO {table} ({', '.join(new + kept)}) SELECT {columns.format(i=i)}, {', '.join(kept)} FROM {table} ORDER BY 1 LIMIT 1")
        db.commit()
        db.close()


class Posthouse:
    name, user = 'posthouse', 'user%ld@local.test'

    def __init__(self, users=USERS, copies=0):
        self.p = Instance(config=['[connections]', 'max = 25000', 'max_per_ip = 25000', '[filter]', 'enabled = no', '[access]',
                                  'max_connections = 60000', 'max_per_ip = 60000', 'max_per_account = 60000', '[imap "imap"]', 'auth_plaintext = yes'], listeners=('mx', 'imap', 'imaps'))
        self.p.setup_command('domain add local.test')
        for i in range(users):
            self.p.setup_command(f'account add user{i}@local.test', password=PASSWORD)
        if copies:
            copy_accounts(self.p.dir, copies)
        self.p.start()
        self.port, self.tls_port, self.pid = self.p.ports['imap'], self.p.ports['imaps'], self.p.master.pid

    def stop(self):
        self.p.__exit__(None, None, None)


class Dovecot:
    name, user = 'dovecot', 'user%ld@local.test'

    def __init__(self, cert, key):
        ports = [free_port() for _ in range(3)]
        self.server = peers.dovecot(cert, key, ports, PASSWORD)
        self.port, self.tls_port, self.lmtp_port = ports
        self.pid = self.server.proc.pid

    def stop(self):
        self.server.stop()


class Cyrus:
    name, user = 'cyrus', 'user%ld'

    def fill_big(self, user, n):
        fill(self, ['-c', '1', '-B', str(user), '-s', '2048', '-n', '1', '-d', '60'])
        root, name = self.server.root, f'user/user{user}'
        tool = lambda program: root.run('su', '-s', '/bin/sh', 'cyrus', '-c', f'{program} {name}')
        place = root.path + tool('/usr/lib/cyrus/bin/mbpath').split()[-1]
        owner = os.stat(place)
        for i in range(2, n + 1):
            path = f'{place}/{i}.'
            with open(path, 'wb') as f:
                f.write(letter(i, 2048))
            os.chown(path, owner.st_uid, owner.st_gid)
        tool('/usr/sbin/cyrus reconstruct')

    def __init__(self, cert, key):
        ports = [free_port() for _ in range(2)]
        self.server = peers.cyrus(cert, key, ports, PASSWORD, [f'user{i}' for i in range(USERS)])
        self.port, self.tls_port = ports
        self.pid = self.server.proc.pid

    def stop(self):
        self.server.stop()


def letter(i, size):
    """Like imapload's."""
    head = (f'From: {("Ann", "Bob", "Chen", "Dana", "Emil", "Fatima")[i % 6]} Sender <person{i % 977}@client.test>\r\nTo: Reader <reader@local.test>\r\n'
            f'Subject: Report number {i} of project {i % 53}\r\nDate: Mon, {i % 28 + 1:02d} Nov 2026 {i // 60 % 24:02d}:{i % 60:02d}:00 +0800\r\n'
            f'Message-ID: <{i}.1@client.test>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n').encode()
    line = f'What customer{i % 100} writes about the project of today, and what comes of it'.encode()
    return head + (line[:76].ljust(76, b'.') + b'\r\n') * ((size - len(head)) // 78)


def arguments(server, tls, *more):
    port = server.tls_port if tls else server.port
    return [smtp.TOOLS + '/imapload', '-u', server.user, '-p', PASSWORD, *(['-T'] if tls else []), f'127.0.0.1:{port}', *more]


def load(server, tls, args, commands=()):
    command = arguments(server, tls, *commands)
    command[1:1] = args
    r = subprocess.run(command, capture_output=True, text=True)
    if r.returncode or not r.stdout:
        raise RuntimeError(f'{server.name} {args}: {r.stdout}{r.stderr}')
    return json.loads(r.stdout)


def rest(server):
    """Waits until what it does by itself is done (the index of what came in), and tells its CPU time then."""
    end, cpu = time.monotonic() + 60, smtp.cpu_seconds(server.pid)
    while time.monotonic() < end:
        time.sleep(0.5)
        now = smtp.cpu_seconds(server.pid)
        if now - cpu < 0.02:
            return now
        cpu = now
    return cpu


def measure(server, tls, args, seconds):
    cpu = rest(server)
    got = load(server, tls, [*args, '-d', str(seconds)])
    time.sleep(0.2)
    spent = smtp.cpu_seconds(server.pid) - cpu
    if got['failed']:
        print(f"  note: {server.name} {args}: {got['failed']} failed ({got['error']})", flush=True)
    done = max(1, got['done'])
    later = rest(server) - cpu - spent
    return {'rate': got['rate'], 'cpu': 1e3 * spent / done, 'later': 1e3 * later / done, 'p50': got['p50_ms'], 'p99': got['p99_ms']}


def show(label, rows):
    med = {name: {k: statistics.median(r[k] for r in v) for k in v[0]} for name, v in rows.items()}
    for name, m in med.items():
        ratio = ''
        if name == 'posthouse' and 'dovecot' in med and m['cpu']:
            ratio = f"operations a CPU second x{med['dovecot']['cpu'] / m['cpu']:.1f}"
        if m['later'] > m['cpu'] / 20:
            ratio += f"; {m['later']:.3f} ms later, by itself"
        print(f"{label:45} {name:10} {m['rate']:9.0f}/s  {m['cpu']:8.3f} ms CPU  p50 {m['p50']:8.2f}  p99 {m['p99']:8.2f} ms  {ratio}", flush=True)


def fill(server, args):
    got = load(server, False, ['-m', 'append', *args])
    if got['failed']:
        raise RuntimeError(f"{server.name}: {got['error']}")


def rate(servers, args):
    for s in servers:
        for user in range(10):
            fill(s, ['-c', '1', '-B', str(user), '-n', str(APPENDED), '-d', '60'])
    for label, what, tls in RATE:
        rows = {}
        for rep in range(args.reps):
            for s in servers[::1 if rep % 2 == 0 else -1]:
                rows.setdefault(s.name, []).append(measure(s, tls, what, args.seconds))
        show(label + (', TLS' if tls else ''), {s.name: rows[s.name] for s in servers})


def big(servers, args):
    for s in servers:
        cpu, started = smtp.cpu_seconds(s.pid), time.monotonic()
        if hasattr(s, 'fill_big'):
            s.fill_big(BIG_USER, args.big)
        else:
            fill(s, ['-c', '4', '-B', str(BIG_USER), '-s', '2048', '-n', str(args.big), '-d', '1200'])
        print(f'{s.name}: {args.big} messages in {time.monotonic() - started:.0f} s, {smtp.cpu_seconds(s.pid) - cpu:.1f} s CPU', flush=True)
    for rep in range(args.reps):
        for s in servers[::1 if rep % 2 == 0 else -1]:
            peak, cpu = smtp.Peak(s.pid), smtp.cpu_seconds(s.pid)
            got = load(s, False, ['-m', 'cmd', '-B', str(BIG_USER)], [c for _, c in BIG])
            time.sleep(0.3)
            times = '  '.join(f"{name} {c['ms']:.0f}{'' if c['ok'] else ' FAILED'}" for (name, _), c in zip(BIG, got['commands']))
            print(f"{s.name:10} {times} ms; CPU {smtp.cpu_seconds(s.pid) - cpu:.2f} s, private memory {peak.end() / 1e6:.0f} MB {got['error']}", flush=True)


def settle(server):
    """What a server that has just started makes for itself is no session's."""
    last, end = -1, time.monotonic() + 60
    while time.monotonic() < end:
        now = smtp.anon_bytes(server.pid)
        if abs(now - last) < 256 * K:
            return
        last = now
        time.sleep(3)


def idle_one(server, count):
    settle(server)
    before, slab = smtp.anon_bytes(server.pid), memory.slab()
    command = arguments(server, True)
    command[1:1] = ['-m', 'idle', '-c', str(count), '-U', '10', '-I', '30']
    client = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    got = json.loads(client.stdout.readline())
    time.sleep(10)
    n = max(1, got['open'])
    ours, kernel = (smtp.anon_bytes(server.pid) - before) / n / K, (memory.slab() - slab) / n / K
    print(f"{server.name:10} {got['open']} idle TLS sessions: {ours:.1f} KiB private memory each, slab of both ends {kernel:.1f} KiB; {got['error']}", flush=True)
    client.kill()
    client.wait()
    time.sleep(3)


def idle(servers, args):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 60000), hard))
    for count in map(int, args.idle.split(',')):
        for s in servers:
            idle_one(s, count)


def processes(root_pid):
    out = subprocess.run(['ps', '-eo', 'pid=,ppid='], capture_output=True, text=True).stdout
    parent = {int(a): int(b) for a, b in (line.split() for line in out.splitlines())}
    found = [root_pid]
    for pid in found:
        found += [p for p, above in parent.items() if above == pid]
    return found


def pss(root_pid):
    total = 0
    for pid in processes(root_pid):
        try:
            with open(f'/proc/{pid}/smaps_rollup') as f:
                total += sum(int(line.split()[1]) * K for line in f if line.startswith('Pss:'))
        except OSError:
            pass  # ended meanwhile
    return total


def whole(args):
    accounts, sessions = map(int, args.whole.split(','))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 60000), hard))
    s = Posthouse(1, accounts)
    try:
        print(f'whole: nobody there: {pss(s.pid) / 1e6:.0f} MB', flush=True)
        slab = memory.slab()
        r = subprocess.run([smtp.TOOLS + '/smtpload', '-p', '-c', '10', '-m', '50', '-n', str(accounts), '-d', '900', '-s', '4096', '-u', s.user, '-U', str(accounts),
                            f"127.0.0.1:{s.p.ports['mx']}"], capture_output=True, text=True)
        print('whole: letters', r.stdout.strip()[:160], flush=True)
        command = arguments(s, True)
        command[1:1] = ['-m', 'idle', '-c', str(sessions), '-U', str(sessions), '-I', '60']
        client = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        got = json.loads(client.stdout.readline())
        for wait in (1, 14):
            time.sleep(wait)
            print(f"whole: {accounts} accounts, {got['open']} in IDLE over TLS: {pss(s.pid) / 1e6:.0f} MB, slab of both ends {(memory.slab() - slab) / 1e6:.0f} MB; "
                  f"{got['error']}", flush=True)
        client.kill()
        client.wait()
    finally:
        s.stop()


class PostfixDovecot(smtp.Postfix):
    """Postfix that hands mail for local.test to Dovecot."""
    name = 'postfix+dovecot'

    def __init__(self, directory, dovecot, cert, key):
        super().__init__(directory, cert, key, f'virtual_transport = lmtp:inet:127.0.0.1:{dovecot.lmtp_port}\nlmtp_destination_recipient_limit = 1\n')
        self.dovecot = dovecot
        self.mail = dovecot.server.root.path + '/var/mail/bench'

    def local_count(self):
        found = 0
        for user in range(smtp.USERS):
            place = f'{self.mail}/user{user}/mailboxes/INBOX/dbox-Mails'
            found += sum(name.startswith('u.') for name in os.listdir(place)) if os.path.isdir(place) else 0
        return found


def deliver(args, dovecot, cert, key):
    directory = os.path.join(smtp.ROOT, 'build/bench')
    servers = [smtp.Posthouse(directory)]
    try:
        servers.append(PostfixDovecot(directory, dovecot, cert, key))
        both = {'postfix+dovecot': dovecot.pid}
        for conns in (10, 50):
            rows = {}
            for rep in range(args.reps):
                for s in servers[::1 if rep % 2 == 0 else -1]:
                    other = both.get(s.name)
                    cpu = smtp.cpu_seconds(other) if other else 0
                    r = smtp.measure(s, ('local', 4 * K, conns, 0, 1), args.seconds)
                    if other:
                        r['cpu'] += 1e3 * (smtp.cpu_seconds(other) - cpu) / max(1, r['messages'])
                    rows.setdefault(s.name, []).append(r)
            med = {n: {k: statistics.median(x[k] for x in v) for k in v[0]} for n, v in rows.items()}
            for n, m in med.items():
                o = med['postfix+dovecot']
                ratio = f"delivered x{m['delivered'] / o['delivered']:.1f}, CPU x{m['cpu'] / o['cpu']:.2f}" if n == 'posthouse' else ''
                print(f"SMTP to mailbox 4 KiB c{conns:<3} {n:16} {m['delivered']:7.0f}/s delivered  {m['cpu']:7.3f} ms CPU  {ratio}", flush=True)
    finally:
        for s in servers:
            s.stop()


def main():
    a = argparse.ArgumentParser()
    a.add_argument('--part', default='rate,big,idle,deliver')
    a.add_argument('--peers', default='dovecot,cyrus')
    a.add_argument('--reps', type=int, default=3)
    a.add_argument('--seconds', type=float, default=3)
    a.add_argument('--big', type=int, default=100_000)
    a.add_argument('--idle', default='1000,10000')
    a.add_argument('--whole', default='5000,2000')
    args = a.parse_args()
    os.makedirs(os.path.join(smtp.ROOT, 'build/bench'), exist_ok=True)
    parts, servers = args.part.split(','), []
    if 'whole' in parts:
        whole(args)
    if parts == ['whole']:
        return
    try:
        ours = Posthouse()
        servers.append(ours)
        for name, make in (('dovecot', Dovecot), ('cyrus', Cyrus)):
            if name in args.peers.split(','):
                try:
                    servers.append(make(ours.p.cert_file, ours.p.key_file))
                except peers.Unavailable as e:
                    print(f'without {name}:', e)
        for part, run in (('rate', rate), ('big', big), ('idle', idle)):
            if part in parts:
                run(servers, args)
        dovecot = next((s for s in servers if s.name == 'dovecot'), None)
        if 'deliver' in parts and dovecot:
            deliver(args, dovecot, ours.p.cert_file, ours.p.key_file)
    finally:
        for s in servers:
            s.stop()


if __name__ == '__main__':
    main()
