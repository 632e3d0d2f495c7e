#!/usr/bin/env python3
"""Posthouse beside Postfix from Debian: the same load, one alternating run, durable queue and no filter on both.

    ./dev bench smtp [--cells quick|std|full] [--reps 2] [--seconds 3]

Relays to a sink and delivers to local mailboxes; 4 KiB, 50 KiB, 1 MiB; 1 to 200 connections; with and without TLS.
Prints accepted and delivered messages a second, CPU of all server processes a message, and peak memory that is
not shared (RssAnon, sampled), as medians, and the ratio to Postfix. Needs root (Postfix runs in an overlay chroot).
"""
import argparse, json, os, statistics, struct, subprocess, sys, threading, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../test/lib'))
import peers
from posthouse import Instance, ROOT, free_port

TOOLS = os.path.join(ROOT, 'build/release/bench')
K, M = 1024, 1024 * 1024
TICK = os.sysconf('SC_CLK_TCK')
USERS = 4

# (where to, size, connections, TLS, messages a session)
QUICK = [('relay', 4 * K, 10, 0, 1), ('relay', 4 * K, 50, 0, 1), ('local', 4 * K, 50, 0, 1), ('relay', 50 * K, 50, 0, 1)]
STD = [('relay', s, c, 0, 1) for s in (4 * K, 50 * K) for c in (1, 10, 50, 200)] + [('relay', M, c, 0, 1) for c in (1, 10, 50)] + \
    [('relay', 4 * K, 50, 0, 20), ('relay', 4 * K, 10, 1, 1), ('relay', 4 * K, 50, 1, 1), ('relay', 50 * K, 50, 1, 1), ('relay', M, 10, 1, 1)] + \
    [('local', s, c, 0, 1) for s in (4 * K, 50 * K) for c in (1, 50)] + [('local', M, 10, 0, 1)]
FULL = [(w, s, c, t, 1) for w in ('relay', 'local') for s in (4 * K, 50 * K, M) for c in (1, 10, 50, 200) for t in (0, 1)]


class Sink:
    def __init__(self, directory, name):
        self.port, self.file = free_port(), os.path.join(directory, name + '.counters')
        self.proc = subprocess.Popen([TOOLS + '/smtpsink', f'127.0.0.1:{self.port}', self.file])

    def read(self):
        """(messages, monotonic time of the last one)"""
        with open(self.file, 'rb') as f:
            got = struct.unpack('4Q', f.read(32).ljust(32, b'\0'))
        return got[0], got[3] / 1e6

    def stop(self):
        self.proc.kill()
        self.proc.wait()


def cpu_seconds(root_pid):
    """Of all processes below root_pid, those that have ended included."""
    ticks = 0
    for pid in peers.descendants(root_pid):
        try:
            ticks += sum(map(int, open(f'/proc/{pid}/stat').read().rsplit(')', 1)[1].split()[11:15]))
        except OSError:
            pass
    return ticks / TICK


def anon_bytes(root_pid):
    total = 0
    for pid in peers.descendants(root_pid):
        try:
            for line in open(f'/proc/{pid}/status'):
                if line.startswith('RssAnon:'):
                    total += int(line.split()[1]) * K
        except OSError:
            pass
    return total


class Peak(threading.Thread):
    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.peak, self.over = pid, 0, threading.Event()
        self.start()

    def run(self):
        while not self.over.wait(0.2):
            self.peak = max(self.peak, anon_bytes(self.pid))

    def end(self):
        self.over.set()
        self.join()
        return self.peak


class Posthouse:
    name, filter = 'posthouse', 'no'

    def __init__(self, directory, more=()):
        self.p = Instance(config=['[smtp "mx"]', 'max_size = 128m', 'verify = no', '[connections]', 'max_per_ip = 1000', '[filter]',
                                  f'enabled = {self.filter}', *more], listeners=('mx',))
        self.sink = Sink(directory, 'posthouse')
        self.p.setup_command('domain add local.test')
        for i in range(USERS):
            self.p.setup_command(f'account add user{i}@local.test')
        self.p.setup_command(f'route add sink --protocol smtp --hosts [127.0.0.1]:{self.sink.port} --tls none')
        self.p.setup_command('domain add bench.test --backend sink')
        self.p.start()
        self.port, self.pid = self.p.ports['mx'], self.p.master.pid

    def local_count(self):
        return self.p.json('store', 'stat')['mailbox_messages']

    def stop(self):
        self.p.__exit__(None, None, None)
        self.sink.stop()


class Postfix:
    name = 'postfix'

    def __init__(self, directory, cert, key, more=''):
        self.sink, self.port = Sink(directory, 'postfix'), free_port()
        extra = f'''relay_domains = bench.test
relay_transport = relay:[127.0.0.1]:{self.sink.port}
smtp_tls_security_level = none
virtual_mailbox_domains = local.test
virtual_mailbox_base = /var/mail/bench
virtual_mailbox_maps = inline:{{ {', '.join(f'{{user{i}@local.test=user{i}/}}' for i in range(USERS))} }}
virtual_mailbox_limit = 0
virtual_minimum_uid = 8
virtual_uid_maps = static:8
virtual_gid_maps = static:8
'''
        root = peers.Root('postfix', 'postfix')
        self.maildirs = root.path + '/var/mail/bench'
        subprocess.run(['rm', '-rf', self.maildirs], check=True)
        os.makedirs(self.maildirs)
        os.chown(self.maildirs, 8, 8)
        root.close()
        self.server = peers.postfix(cert, key, self.port, extra + more)
        self.pid = self.server.proc.pid

    def local_count(self):
        return sum(len(os.listdir(f'{self.maildirs}/user{i}/new')) for i in range(USERS) if os.path.isdir(f'{self.maildirs}/user{i}/new'))

    def stop(self):
        self.server.stop()
        self.sink.stop()


def drained(server, where, before, want, seconds=60):
    """Waits for the deliveries; returns the monotonic time of the last one and their number."""
    end = time.monotonic() + seconds
    while True:
        count, last = server.sink.read() if where == 'relay' else (server.local_count(), time.monotonic())
        if count - before >= want or time.monotonic() > end:
            return last, count - before
        time.sleep(0.1)


def measure(server, cell, seconds):
    where, size, conns, tls, per = cell
    before = server.sink.read()[0] if where == 'relay' else server.local_count()
    limit = {4 * K: 20000, 50 * K: 5000}.get(size, 400)
    peak, cpu, started = Peak(server.pid), cpu_seconds(server.pid), time.monotonic()
    rcpt = 'user%ld@' + ('bench.test' if where == 'relay' else 'local.test')
    r = json.loads(subprocess.run([TOOLS + '/smtpload', '-k', '-c', str(conns), '-n', str(limit), '-d', str(seconds), '-s', str(size),
                                   '-m', str(per), '-u', rcpt, '-U', str(USERS), *(['-t'] if tls else []), f'127.0.0.1:{server.port}'],
                                  capture_output=True, text=True, check=True).stdout)
    last, delivered = drained(server, where, before, r['accepted'])
    time.sleep(0.3)
    spent = cpu_seconds(server.pid) - cpu
    if r['failed'] or delivered < r['accepted']:
        print(f"  note: {server.name} {cell}: {r['failed']} failed ({r['error']}), {delivered} of {r['accepted']} delivered", flush=True)
    return {'messages': r['accepted'], 'accepted': r['rate'], 'delivered': delivered / max(1e-3, last - started), 'cpu': 1e3 * spent / max(1, r['accepted']),
            'peak': peak.end() / M, 'p50': r['p50_ms'], 'p99': r['p99_ms']}


def show(cell, rows):
    where, size, conns, tls, per = cell
    med = {n: {k: statistics.median(x[k] for x in v) for k in v[0]} for n, v in rows.items()}
    label = f'{where} {size // K}K c{conns}{" tls" if tls else ""}{f" x{per}" if per > 1 else ""}'
    for name, m in med.items():
        ratio = ''
        if name == 'posthouse' and 'postfix' in med:
            o = med['postfix']
            ratio = f"accepted x{m['accepted'] / max(1e-9, o['accepted']):.1f}  delivered x{m['delivered'] / max(1e-9, o['delivered']):.1f}  CPU x{m['cpu'] / o['cpu']:.2f}"
        print(f"{label:20} {name:10} {m['accepted']:8.0f}/s {m['delivered']:8.0f}/s  {m['cpu']:7.3f} ms CPU  p50 {m['p50']:7.2f}  p99 {m['p99']:7.2f} ms"
              f"  {m['peak']:6.0f} MB  {ratio}", flush=True)


def main():
    a = argparse.ArgumentParser()
    a.add_argument('--cells', default='quick', choices=('quick', 'std', 'full'))
    a.add_argument('--reps', type=int, default=2)
    a.add_argument('--seconds', type=float, default=3)
    a.add_argument('--only', choices=('posthouse', 'postfix'))
    args = a.parse_args()
    os.makedirs(os.path.join(ROOT, 'build/bench'), exist_ok=True)
    directory, servers = os.path.join(ROOT, 'build/bench'), []
    try:
        ours = Posthouse(directory)
        servers.append(ours)
        try:
            if args.only != 'posthouse':
                servers.append(Postfix(directory, ours.p.cert_file, ours.p.key_file))
        except peers.Unavailable as e:
            print('without Postfix:', e)
        print(f'{"cell":20} {"server":10} {"accepted":>10} {"delivered":>10}', flush=True)
        for cell in {'quick': QUICK, 'std': STD, 'full': FULL}[args.cells]:
            rows = {}
            for rep in range(args.reps):
                for s in servers[::1 if rep % 2 == 0 else -1]:
                    rows.setdefault(s.name, []).append(measure(s, cell, args.seconds))
            show(cell, {s.name: rows[s.name] for s in servers})
    finally:
        for s in servers:
            s.stop()


if __name__ == '__main__':
    main()
