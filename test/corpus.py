#!/usr/bin/env python3
"""Real mail through the whole server: every message of the corpora given goes in by SMTP and is read back from
its mailbox, byte for byte behind the trace headers; what is held for a virus is released before.

    test/corpus.py [DIRECTORY WITH *.tar.zst ...]        (default ../shared/corpora and ../shared/testsets; skips when absent)

A message is sent with CRLF line ends; one that SMTP cannot carry as it is (a bare CR, a line over the limit) must be
refused, not changed.
"""
import argparse, collections, glob, hashlib, os, socket, subprocess, sys, tempfile, threading, queue, re
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from posthouse import Instance, ROOT

WORKERS = 6
PER_CONNECTION = 500
LINE_LIMIT = 1 << 20  # longer lines are refused by the server's default


def messages(directories, scratch):
    for d in directories:
        for tar in sorted(glob.glob(d + '/*.tar.zst')):
            if 'manifest' in tar or 'xss' in tar:
                continue
            to = os.path.join(scratch, os.path.basename(tar)[:-8])
            os.makedirs(to, exist_ok=True)
            subprocess.run(['tar', '--zstd', '-xf', tar, '-C', to], check=True)
            for base, _, names in os.walk(to):
                for name in names:
                    path = os.path.join(base, name)
                    if os.path.isfile(path) and not name.endswith(('.json', '.tsv', '.md', '.yaml', '.yml', '.txt.gz')):
                        yield path


class Client:
    def __init__(self, port):
        self.s = socket.create_connection(('127.0.0.1', port), 60)
        self.f = self.s.makefile('rb')
        self.sent = 0
        self.reply()
        self.say(b'EHLO corpus.test')

    def reply(self):
        while True:
            line = self.f.readline()
            if not line:
                raise ConnectionError('closed')
            if line[3:4] != b'-':
                return line.decode('latin-1').strip()

    def say(self, line):
        self.s.sendall(line + b'\r\n')
        return self.reply()

    def deliver(self, data):
        for line in (b'MAIL FROM:<corpus@sender.test>', b'RCPT TO:<box@local.test>', b'DATA'):
            r = self.say(line)
            if r[0] not in '23':
                raise RuntimeError(r)
        self.s.sendall(re.sub(rb'(?m)^\.', b'..', data) + b'.\r\n')
        return self.reply()


def canonical(data):
    """As it goes over the wire: lines end in CRLF."""
    data = re.sub(rb'\r?\n', b'\r\n', data)
    return data if data.endswith(b'\r\n') else data + b'\r\n'


def carried(data):
    return b'\r' not in data.replace(b'\r\n', b'') and max(map(len, data.split(b'\r\n'))) <= LINE_LIMIT


def work(port, todo, results, lock):
    c = None
    while True:
        try:
            path = todo.get_nowait()
        except queue.Empty:
            return
        data = canonical(open(path, 'rb').read())
        try:
            c = c or Client(port)
            got = c.deliver(data)
            c.sent += 1
            if c.sent == PER_CONNECTION:
                c = None
        except (OSError, RuntimeError) as e:
            c, got = None, 'error ' + str(e)
        if got.startswith('4') or got.startswith('5'):
            c = None
        with lock:
            results.append((path, hashlib.sha256(data).digest(), len(data), carried(data), got))


def main():
    a = argparse.ArgumentParser()
    a.add_argument('directories', nargs='*')
    a.add_argument('--most', type=int, default=1 << 30)
    args = a.parse_args()
    shared = os.path.join(ROOT, '../shared')
    directories = args.directories or [d for d in (shared + '/corpora', shared + '/testsets') if os.path.isdir(d)]
    if not directories:
        print('corpus: skipped: no corpora here\n0 passed, 0 failed')
        return
    with tempfile.TemporaryDirectory() as scratch, Instance(listeners=('mx',), config=['[smtp "mx"]', 'max_hops = 1000', 'refuse_nul = no', 'max_size = 200m', 'max_header = 60m',
                                                                                                    '[filter]', 'strip_forged = no']) as p:
        p.setup_command('domain add local.test')
        p.setup_command('account add box@local.test')
        p.start()
        before = p.processes()
        todo, results, lock = queue.Queue(), [], threading.Lock()
        for n, path in enumerate(messages(directories, scratch)):
            if n < args.most:
                todo.put(path)
        threads = [threading.Thread(target=work, args=(p.ports['mx'], todo, results, lock)) for _ in range(WORKERS)]
        [t.start() for t in threads]
        [t.join() for t in threads]
        p.wait_queue(0, 120)
        p.cli('quarantine', 'release', '--all', '--yes', check=False)  # viruses among them; 3: nothing is held
        p.wait_queue(0, 120)
        p.cli('export', 'box@local.test', scratch + '/export', '--format', 'eml')
        stored = collections.Counter()
        exported = [os.path.join(b, n) for b, _, names in os.walk(scratch + '/export') for n in names if n.endswith('.eml')]
        for path in exported:
            whole = open(path, 'rb').read()
            # Our own headers: Return-Path, Delivered-To, our results, our marks and exactly one Received of this server, in this order at the top.
            at = re.match(rb'(?:(?:Return-Path|Delivered-To):[^\r\n]*\r\n)*'
                          rb'(?:X-Posthouse-Released:[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*)?'
                          rb'(?:Authentication-Results: mx\.post\.test[;\r][^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*)?'
                          rb'(?:X-Spam-Flag: YES\r\n)?(?:X-Spam-Status:[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*)?Received:[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*', whole)
            rest = whole[at.end() if at else 0:]
            stored[hashlib.sha256(rest).digest()] += 1
            # Behind a message that has no header at all the server ends its own header with an empty line.
            if rest.startswith(b'\r\n'):
                stored[hashlib.sha256(rest[2:]).digest()] += 1
        taken = [r for r in results if r[4].startswith('250')]
        wrong = [r for r in taken if not stored[r[1]]]
        refused = [r for r in results if not r[4].startswith('250')]
        unexpected = [r for r in refused if r[3]]
        changed_pids = set(before) != set(p.processes())
        print(f'corpus: {len(results)} sent, {len(taken)} taken, {len(refused)} refused, {len(exported)} stored, {len(wrong)} differ, '
              f'{len(unexpected)} refused without need, processes {"CHANGED" if changed_pids else "unchanged"}')
        for why, n in collections.Counter(r[4][:70] for r in refused).most_common(8):
            print(f'  {n:5} {why}')
        for r in (wrong + unexpected)[:10]:
            print('  ', os.path.relpath(r[0], scratch), r[4])
        ok = results and not wrong and not unexpected and not changed_pids and len(exported) == len(taken)
        print('1 passed, 0 failed' if ok else '0 passed, 1 failed')
        sys.exit(not ok)


if __name__ == '__main__':
    main()
