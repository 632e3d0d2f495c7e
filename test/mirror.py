#!/usr/bin/env python3
"""Local copies of DNS lists: zone transfer from nsd with and without TSIG, files in the formats of rbldnsd, and their changes.

    test/mirror.py [--entries 200000]

Callers are named by XCLIENT; a listing shows as a refusal at RCPT. Without nsd the transfers are skipped, with a word.
"""
import argparse, base64, os, random, smtplib, subprocess, sys, tempfile, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from peers import program
from posthouse import Instance, free_port, wait_until

SECRET = base64.b64encode(b'0123456789abcdef0123456789abcdef').decode()
WRONG = base64.b64encode(b'0123456789abcdef0123456789abcdeF').decode()
NSD = program('nsd')


class Nsd:
    """The zone bl.test: 2.0.0.127, a network by wildcard, a name, an IPv6 address, and `extra` addresses in 11/8."""

    def __init__(self, directory, extra):
        self.dir, self.port, self.proc = directory, free_port(), None
        with open(directory + '/bl.zone', 'w') as f:
            f.write('$ORIGIN bl.test.\n$TTL 300\n@ SOA ns.bl.test. root.bl.test. 7 3600 600 86400 300\n@ NS ns\nns A 127.0.0.1\n'
                    '2.0.0.127 A 127.0.0.2\n*.100.51.198 A 127.0.0.4\nbad.example A 127.0.0.2\n'
                    '1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2 A 127.0.0.3\n')
            for i in random.Random(1).sample(range(1 << 24), extra):
                f.write(f'{i & 255}.{i >> 8 & 255}.{i >> 16}.11 A 127.0.0.2\n')
        with open(directory + '/nsd.conf', 'w') as f:
            f.write(f'server:\n  ip-address: 127.0.0.1@{self.port}\n  username: ""\n  chroot: ""\n  zonesdir: "{directory}"\n  database: ""\n'
                    f'  pidfile: ""\n  xfrdfile: ""\n  zonelistfile: "{directory}/zones.list"\n  xfrdir: "{directory}"\n  server-count: 1\n'
                    f'remote-control:\n  control-enable: no\nkey:\n  name: k.test\n  algorithm: hmac-sha256\n  secret: "{SECRET}"\n'
                    f'zone:\n  name: bl.test\n  zonefile: bl.zone\n  provide-xfr: 127.0.0.1 k.test\n')
        self.proc = subprocess.Popen([NSD, '-d', '-c', directory + '/nsd.conf'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def stop(self):
        self.proc.terminate()
        self.proc.wait()


def listed(p, ip, sender='a@sender.test'):
    """The reply to RCPT for a caller from that address names the list; else empty."""
    with smtplib.SMTP('127.0.0.1', p.ports['mx'], timeout=20) as s:
        s.ehlo('proxy.test')
        s.docmd(f'XCLIENT ADDR={"IPV6:" if ":" in ip else ""}{ip}')
        s.ehlo('mail.sender.test')
        s.docmd(f'MAIL FROM:<{sender}>')
        code, text = s.docmd('RCPT TO:<bob@local.test>')
    return text.decode() if code >= 500 else ''


def check(what, good):
    print(('ok ' if good else 'FAIL ') + what, flush=True)
    return 0 if good else 1


def soon(what, condition, seconds=30):
    try:
        wait_until(what, seconds, condition, 0.3)
        return True
    except TimeoutError:
        return False


def config(mirror_lines, dnsbl_lines):
    return ['[smtp "mx"]', 'xclient_from = 127.0.0.0/8', 'tarpit = 0s', '[source "unknown"]', 'greet_delay = 0s', 'offences_per_hour = 0',
            'reverse_dns = no', 'helo = no', 'greylist = no', 'connections_per_minute = 0', 'network_connections_per_minute = 0', 'reject_score = 3.5',
            'messages_per_minute = 0', 'reputation = no', 'error_ratio = 0', 'slow_score = off',
            '[source "bad"]', 'greet_delay = 0s', 'slow_score = off', 'reputation = no', 'reject_score = 3.5', 'messages_per_minute = 0',
            '[mirror "m"]', *mirror_lines, '[dnsbl "list"]', 'mirror = m', *dnsbl_lines]


def setup(p):
    p.setup_command('domain add local.test')
    p.setup_command('account add bob@local.test')
    p.start()


def transfers(entries):
    bad = 0
    if not NSD:
        print('transfers: skipped, nsd is not here')
        return 0, 0
    with tempfile.TemporaryDirectory() as d:
        os.chmod(d, 0o755)
        nsd = Nsd(d, entries)
        lines = [f'transfer_from = 127.0.0.1:{nsd.port}', 'zone = bl.test', 'tsig_name = k.test']
        try:
            with Instance(config=config([*lines, f'tsig_secret = {WRONG}'], [])) as p:
                setup(p)
                bad += check('a wrong key: nothing is transferred, and the log says so', soon('the log', lambda: 'mirror.failed' in p.log_tail(100000)))
                bad += check('a list that is not there lists nobody', not listed(p, '127.0.0.2') and not listed(p, '198.51.100.7'))
                began = time.monotonic()
                p.write_config(config([*lines, f'tsig_secret = {SECRET}'], []) + ['[dns]', 'mode = forward', f'servers = 127.0.0.1@{p.nowhere.port}'])
                p.cli('reload')
                bad += check('the right key: the zone comes', soon('the zone', lambda: 'mirror.loaded' in p.log_tail(100000), 60))
                print(f'{entries} entries: {time.monotonic() - began:.1f} s from reload to loaded, '
                      f'{os.path.getsize(p.dir + "/data/mirror/m.list")} bytes')
                bad += check('an address of a wildcard is listed', soon('the listing', lambda: '[score]' in listed(p, '198.51.100.7')))
                bad += check('its neighbour is not', not listed(p, '198.51.101.7'))
                some = random.Random(1).sample(range(1 << 24), entries)
                bad += check('addresses of the zone are listed', all(listed(p, f'11.{i >> 16}.{i >> 8 & 255}.{i & 255}') for i in some[:5]))
                bad += check('an IPv6 address is listed', bool(listed(p, '2001:db8::1')) and not listed(p, '2001:db8::2'))
        finally:
            nsd.stop()
    return 7, bad


def put(p, text):
    path = p.dir + '/data/mirror/list.txt'
    with open(path + '.new', 'w') as f:
        f.write(text)
    os.chmod(path + '.new', 0o644)
    os.rename(path + '.new', path)


def files():
    bad = 0
    with Instance(config=config(['file = list.txt', 'format = combined'], ['weights = 127.0.0.5'])) as p:
        setup(p)
        put(p, '$DATASET ip4set:x @\n:127.0.0.5:listed\n198.51.100.0/24\n!198.51.100.9\n203.0.113.1 :6:\n')
        bad += check('a file that comes later is loaded', soon('the file', lambda: listed(p, '198.51.100.7')))
        bad += check('its exceptions hold', not listed(p, '198.51.100.9'))
        bad += check('an answer without weight does not count', not listed(p, '203.0.113.1'))
        put(p, '$DATASET ip4trie:x @\n203.0.113.0/24 :5:\nnonsense\n')
        bad += check('a changed file is loaded again', soon('the change', lambda: listed(p, '203.0.113.1')))
        bad += check('and what it had before is gone', soon('the change', lambda: not any(listed(p, '198.51.100.7') for _ in range(6))))
        put(p, 'nothing that makes sense\n')
        bad += check('a broken file is told', soon('the log', lambda: 'mirror.failed' in p.log_tail(100000)))
        bad += check('and changes nothing', bool(listed(p, '203.0.113.1')))
    return 7, bad


def main():
    args = argparse.ArgumentParser()
    args.add_argument('--entries', type=int, default=200000)
    done, bad = 0, 0
    for n, b in (transfers(args.parse_args().entries), files()):
        done, bad = done + n, bad + b
    print(f'{done - bad} passed, {bad} failed')
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
