#!/usr/bin/env python3
"""What verifying costs a message on its whole way (accepted, stored, relayed to a sink): the same signed message
with `verify = no` and `yes`, alternating; and an unsigned one. Names are in the resolver's cache but for the first
message.

    ./dev bench verify [--reps 3] [--seconds 3] [--size 4096] [--conns 20]

Prints CPU milliseconds a message of all server processes, accepted messages a second, and latency.
"""
import argparse, base64, json, os, statistics, subprocess, sys, tempfile, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../test/lib'))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import auth, dkim_peers
from judge import Judge
from posthouse import Instance, ROOT
from smtp import Sink, TOOLS, cpu_seconds
from zone import Zone

HOST = ['example.com A 127.0.0.1', 'example.com TXT v=spf1 include:_spf.example.com -all',
        '_spf.example.com TXT v=spf1 ip4:192.0.2.0/24 ip4:127.0.0.1 ~all', '_dmarc.example.com TXT v=DMARC1; p=reject']


class Server:
    def __init__(self, name, directory, zone, verify):
        self.name, self.sink = name, Sink(directory, name)
        self.p = Instance(listeners=('mx',), config=[
            '[smtp "mx"]', f'verify = {verify}', '[connections]', 'max_per_ip = 1000',
            '[dns]', 'mode = forward', f'servers = 127.0.0.1@{zone.port}'])
        self.p.setup_command(f'route add sink --protocol smtp --hosts [127.0.0.1]:{self.sink.port} --tls none')
        self.p.setup_command('domain add bench.test --backend sink')
        self.p.start()
        self.pid = self.p.master.pid

    def load(self, message, args):
        before, cpu = self.sink.read()[0], cpu_seconds(self.pid)
        r = json.loads(subprocess.run([TOOLS + '/smtpload', '-k', '-c', str(args.conns), '-n', '100000', '-d', str(args.seconds), '-f',
                                       'somebody@example.com', '-u', 'user%ld@bench.test', '-F', message,
                                       f'127.0.0.1:{self.p.ports["mx"]}'], capture_output=True, text=True, check=True).stdout)
        while self.sink.read()[0] - before < r['accepted']:
            time.sleep(0.1)
        time.sleep(0.3)
        if r['failed']:
            print(f'  note: {self.name}: {r["failed"]} failed ({r["error"]})')
        return 1e3 * (cpu_seconds(self.pid) - cpu) / max(1, r['accepted']), r['rate'], r['p50_ms'], r['p99_ms']

    def stop(self):
        self.p.__exit__(None, None, None)
        self.sink.stop()


def main():
    p = argparse.ArgumentParser()
    p.add_argument('--reps', type=int, default=3)
    p.add_argument('--seconds', type=float, default=3)
    p.add_argument('--size', type=int, default=4096)
    p.add_argument('--conns', type=int, default=20)
    args = p.parse_args()
    with tempfile.TemporaryDirectory() as d, Judge('dkim') as judge:
        keys = dkim_peers.Keys(d)
        zone = Zone(HOST + [f'{name} TXT {text}' for name, text in keys.records.items()])
        plain = auth.message(args.size, 'text').replace(b'\r\n.', b'\r\n')
        signed = judge.ask(do='sign', message=base64.b64encode(plain).decode(), domain='example.com', now=1700000000,
                           keys=keys.pems(('rsa',)))['fields'].encode() + plain
        files = {}
        for name, text in (('unsigned', plain), ('signed', signed)):
            files[name] = os.path.join(d, name)
            with open(files[name], 'wb') as f:
                f.write(text)
        os.makedirs(os.path.join(ROOT, 'build/bench'), exist_ok=True)
        servers = [Server(name, os.path.join(ROOT, 'build/bench'), zone, verify) for name, verify in (('off', 'no'), ('on', 'yes'))]
        rows = {}
        try:
            for _ in range(args.reps):
                for kind, path in files.items():
                    for s in servers:
                        rows.setdefault((kind, s.name), []).append(s.load(path, args))
        finally:
            for s in servers:
                s.stop()
        for (kind, name), got in rows.items():
            cpu, rate, p50, p99 = (statistics.median(x) for x in zip(*got))
            print(f'{kind:10} verify {name:4} {cpu:7.3f} ms CPU {rate:8.0f}/s  p50 {p50:7.2f}  p99 {p99:7.2f} ms')
        zone.stop()


if __name__ == '__main__':
    main()
