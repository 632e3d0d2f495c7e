#!/usr/bin/env python3
"""What examining a message costs: Posthouse's scan processes beside Rspamd and bogofilter from Debian, and the whole
gateway (SMTP in, filter, relay on) beside Postfix with Rspamd as its milter. The same messages, one alternating run.

    ./dev bench scan [--part messages,gateway,engines] [--per-set 30] [--reps 2] [--seconds 3] [--corpora DIR]

messages   real mail, one after the other: CPU of the examining processes a message (ours: through SMTP, the scan processes
           alone; Rspamd: HTTP, with its Redis; bogofilter -b: one process for all), memory, p50 and p99. Bayes of the peers is
           trained on 300 others of each kind. Lookups are off.
gateway    one message a connection: messages a second, CPU of all server processes a message; 4 KiB and 1 MiB
engines    the same with a virus engine on both sides: one clamd (a signature file of its own, nothing is downloaded) that our engine
           process and Rspamd's antivirus module ask by stream over TCP, each for the whole message; nobody keeps answers. CPU has
           clamd's share, which is shown by itself, too. First a message with EICAR must be noticed by both.

Needs root (peers run in overlays).
"""
import argparse, collections, os, re, smtplib, statistics, sys, tempfile, time
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '../test/lib'), os.path.join(HERE, '../tools'), HERE]
import corpus, engines, filters, peers, smtp
from posthouse import Instance, free_port

M = 1024 * 1024


def quantile(v, q):
    v = sorted(v)
    return v[min(len(v) - 1, int(len(v) * q))] if v else 0.0


def chosen(rows, per_set):
    groups = collections.defaultdict(list)
    for r in sorted(rows, key=lambda r: r['sha256_raw']):
        groups[r['set'], r['kind']].append(r)
    judged = [r for v in groups.values() for r in v[:per_set]]
    rest = [r for v in groups.values() for r in v[per_set:]]
    return judged, {label: [r['path'] for r in rest if r['label'] == label][:300] for label in ('spam', 'ham')}


def rss(pids):
    """Private and shared memory of processes, each page once for each: what `ps` shows, in MB; the largest one."""
    most = 0
    for pid in pids:
        try:
            most = max(most, int(re.search(r'VmHWM:\s+(\d+)', open(f'/proc/{pid}/status').read())[1]) * 1024)
        except (OSError, TypeError):
            pass
    return most / 1e6


class Ours:
    name = 'posthouse'
    CONFIG = ['[smtp "mx"]', 'max_size = 128m', 'verify = no', 'bare_newline = keep', 'refuse_nul = no', 'max_line = 100m', 'max_header = 1m',
              'max_transactions = 1000000', 'max_hops = 1000', '[connections]', 'max_per_ip = 1000']

    def __init__(self):
        self.p = Instance(config=self.CONFIG, listeners=('mx',))
        self.p.setup_command('domain add local.test')
        self.p.setup_command('account add u@local.test')
        self.p.start()
        time.sleep(5)  # rules are compiled

    def pids(self):
        return [pid for pid, role in self.p.processes().items() if role == 'scan']

    def cpu(self):
        return sum(smtp.cpu_seconds(pid) for pid in self.pids())

    def histogram(self):
        found = {}
        for line in self.p.cli('metrics').splitlines():
            m = re.match(r'posthouse_scan_seconds_bucket\{.*le="([^"]+)"\} (\d+)', line)
            if m:
                found[float(m[1].replace('+Inf', 'inf'))] = found.get(float(m[1].replace('+Inf', 'inf')), 0) + int(m[2])
        return found

    def run(self, paths):
        before, started, taken = self.histogram(), self.cpu(), 0
        s = smtplib.SMTP('127.0.0.1', self.p.ports['mx'], timeout=120)
        s.ehlo('client.test')
        for path in paths:
            data = re.sub(rb'\r?\n', b'\r\n', open(path, 'rb').read())
            s.mail('bench@far.test')
            s.rcpt('u@local.test')
            taken += s.data(data)[0] == 250
        s.quit()
        time.sleep(0.3)
        spent = self.cpu() - started
        after = self.histogram()
        count = {le: after[le] - before.get(le, 0) for le in after}
        total = max(count.values(), default=0)
        if taken < len(paths):
            print(f'  note: {len(paths) - taken} of {len(paths)} were not taken', flush=True)

        def below(q):
            return next((1e3 * le for le in sorted(count) if count[le] >= q * total), 0)
        return {'cpu': 1e3 * spent / max(1, total), 'p50': below(0.5), 'p99': below(0.99), 'rss': rss(self.pids())}

    def stop(self):
        self.p.__exit__(None, None, None)


class Peer:
    def __init__(self, cls, folder, root, train):
        self.name, self.filter = cls.name, cls(folder, root)
        self.filter.learn(True, train['spam'])
        self.filter.learn(False, train['ham'])

    def pids(self):
        return [pid for proc in self.filter.servers for pid in peers.descendants(proc.pid)]

    def run(self, paths):
        took, t0, c0 = [], os.times(), sum(smtp.cpu_seconds(proc.pid) for proc in self.filter.servers)
        if self.name == 'bogofilter':
            self.filter.judge(paths)
            t1 = os.times()
            spent = t1.children_user + t1.children_system - t0.children_user - t0.children_system
        else:
            for path in paths:
                began = time.monotonic()
                self.filter.one(path)
                took.append(1e3 * (time.monotonic() - began))
            spent = sum(smtp.cpu_seconds(proc.pid) for proc in self.filter.servers) - c0
        return {'cpu': 1e3 * spent / len(paths), 'p50': quantile(took, 0.5), 'p99': quantile(took, 0.99), 'rss': rss(self.pids())}

    def stop(self):
        self.filter.stop()


def show(rows):
    for name, v in rows.items():
        m = {k: statistics.median(x[k] for x in v) for k in v[0]}
        print(f'{name:12} ' + '  '.join(f'{k} {x:.2f}' for k, x in m.items()), flush=True)


def messages(args, folder):
    rows = corpus.unpack(args.corpora, folder)
    judged, train = chosen(rows, args.per_set)
    paths = [r['path'] for r in judged]
    print(f'## {len(paths)} messages, {sum(map(os.path.getsize, paths)) / len(paths) / 1024:.1f} KiB on average; CPU ms a message, p50 and p99 in ms, '
          'MB of the largest process', flush=True)
    root, close = filters.open_root(folder)
    all_of_them = []
    try:
        all_of_them = [Ours()] + [Peer(c, folder, root, train) for c in (filters.Rspamd, filters.Bogofilter)]
        found = {x.name: [] for x in all_of_them}
        for x in all_of_them:
            x.run(paths[:50])
        for rep in range(args.reps):
            for x in all_of_them[::1 if rep % 2 == 0 else -1]:
                found[x.name].append(x.run(paths))
        show(found)
    finally:
        for x in all_of_them:
            x.stop()
        close()


class Milter(filters.Rspamd):
    """Rspamd as a milter: its proxy worker examines by itself; with `clamd` it asks that, too, and keeps no answers."""

    def __init__(self, folder, root, clamd=None):
        self.clamd = clamd
        super().__init__(folder, root)

    def serve(self, port, *command):
        if command[0] == 'rspamd':
            self.milter = free_port()
            override = '/etc/rspamd/override.d/'
            self.root.write(override + 'worker-proxy.inc', f'bind_socket = "127.0.0.1:{self.milter}";\nmilter = yes;\ncount = 2;\n'
                            'upstream "local" {\n default = yes;\n self_scan = yes;\n}\n')
            if self.clamd:
                self.root.write(override + 'antivirus.conf', 'enabled = true;\nclamav {\n type = "clamav";\n symbol = "CLAM_VIRUS";\n action = "reject";\n'
                                f' servers = "127.0.0.1:{self.clamd.port}";\n scan_mime_parts = false;\n no_cache = true;\n timeout = 30.0;\n}}\n')
        super().serve(port, *command)

    def stop(self):
        super().stop()
        self.root.write('/etc/rspamd/override.d/antivirus.conf', 'enabled = false;\n')


class Filtering(smtp.Posthouse):
    filter = 'yes'


class PostfixRspamd(smtp.Postfix):
    name = 'postfix+rspamd'

    def __init__(self, directory, cert, key, rspamd):
        self.rspamd = rspamd
        self.more = f'smtpd_milters = inet:127.0.0.1:{rspamd.milter}\nmilter_default_action = tempfail\n'
        super().__init__(directory, cert, key, self.more)


def measure_with(server, cell, seconds, beside, clamd):
    """smtp.measure, with the CPU of the processes that are not below the server's own."""
    def spent():
        return sum(map(smtp.cpu_seconds, beside)), smtp.cpu_seconds(clamd.proc.pid) if clamd else 0
    before = spent()
    r = smtp.measure(server, cell, seconds)
    more, engine = (1e3 * (b - a) / max(1, r['messages']) for a, b in zip(before, spent()))
    r['cpu'] += more + engine
    if clamd:
        r['clamd'] = engine
    return r


def is_delivered(server, data):
    """Whether the next server gets the message."""
    before = server.sink.read()[0]
    with smtplib.SMTP('127.0.0.1', server.port, timeout=60) as s:
        s.ehlo('client.test')
        s.mail('bench@far.test')
        s.rcpt('user1@bench.test')
        s.data(data)
    for _ in range(30):
        if server.sink.read()[0] > before:
            return True
        time.sleep(0.1)
    return False


def must_notice(servers):
    head = b'From: Ann <ann@far.test>\r\nTo: user1@bench.test\r\nSubject: hello\r\nMessage-ID: <1@far.test>\r\n\r\n'
    for server in servers:
        if not is_delivered(server, head + b'Nothing.\r\n') or is_delivered(server, head + engines.EICAR + b'\r\n'):
            sys.exit(f'{server.name}: its engine is not asked')


def gateway(args, folder, clamd=None):
    print(f'## SMTP in, filter{", ClamAV" if clamd else ""}, relay on; one message a connection', flush=True)
    root, close = filters.open_root(folder)
    rspamd = Milter(folder, root, clamd)
    ours = Filtering(folder, clamd.config() + ['[engines]', 'kept = 0'] if clamd else ())
    time.sleep(5)
    theirs = PostfixRspamd(folder, ours.p.cert_file, ours.p.key_file, rspamd)
    beside = {ours.name: [], theirs.name: [proc.pid for proc in rspamd.servers]}
    try:
        if clamd:
            must_notice((ours, theirs))
        for cell in (('relay', 4 * smtp.K, 10, 0, 1), ('relay', M, 4, 0, 1)):
            found = {ours.name: [], theirs.name: []}
            for rep in range(args.reps):
                for server in (ours, theirs)[::1 if rep % 2 == 0 else -1]:
                    found[server.name].append(measure_with(server, cell, args.seconds, beside[server.name], clamd))
            print(f'{cell[1] // smtp.K} KiB')
            show(found)
            a, b = (statistics.median(x['accepted'] for x in v) for v in found.values())
            print(f'             accepted x{a / b:.1f}', flush=True)
    finally:
        theirs.stop()
        ours.stop()
        rspamd.stop()
        close()


def with_engines(args, folder):
    clamd = engines.Clamd(folder + '/clamd').start()
    try:
        gateway(args, folder, clamd)
    finally:
        clamd.kill()


def main():
    a = argparse.ArgumentParser()
    a.add_argument('--part', default='messages,gateway')
    a.add_argument('--per-set', type=int, default=30)
    a.add_argument('--reps', type=int, default=2)
    a.add_argument('--seconds', type=float, default=3)
    a.add_argument('--corpora', default=corpus.CORPORA)
    args = a.parse_args()
    with tempfile.TemporaryDirectory(prefix='posthouse-bench-') as folder:
        os.chmod(folder, 0o755)
        for part in args.part.split(','):
            {'messages': messages, 'gateway': gateway, 'engines': with_engines}[part](args, folder)


if __name__ == '__main__':
    main()
