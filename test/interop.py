#!/usr/bin/env python3
"""Mail to and from other servers and clients from Debian, byte for byte.

    test/interop.py [--only postfix|exim|opensmtpd|swaks|curl|msmtp]

Servers: load goes through the peer into a mailbox here, and from here through the peer to a sink. Clients submit with
TLS and authentication, and the message is read back.
"""
import argparse, collections, os, shutil, subprocess, sys, time
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from crash import TOOLS, mailbox_records, records, start_sink
from posthouse import Instance, PASSWORD, free_port, wait_until
import json
import peers

COUNT = 40


def send(port, rcpt, first, record, *more):
    r = subprocess.run([TOOLS + '/smtpload', '-c', '4', '-n', str(COUNT), '-i', str(first), '-u', rcpt, '-r', record, '-d', '60', *more,
                        f'127.0.0.1:{port}'], capture_output=True, text=True, check=True)
    got = json.loads(r.stdout)
    assert got['accepted'] == COUNT and not got['failed'], r.stdout


def offers_working_tls(port):
    """As openssl finds it: Debian 12's OpenSMTPD offers STARTTLS and then cannot sign with OpenSSL 3."""
    r = subprocess.run(['openssl', 's_client', '-starttls', 'smtp', '-connect', f'127.0.0.1:{port}'], stdin=subprocess.DEVNULL,
                       capture_output=True, text=True, timeout=30)
    return 'alert' not in r.stdout + r.stderr


def through(make, name):
    """Both directions through one peer server."""
    with Instance(listeners=('mx',)) as p:
        sink_port, peer_port = free_port(), free_port()
        p.setup_command('domain add in.test')
        p.setup_command('account add user0@in.test')
        p.setup_command(f'route add peer --protocol smtp --hosts [127.0.0.1]:{peer_port} --tls opportunistic')
        p.setup_command('domain add out.test --backend peer')
        sink = start_sink(p, sink_port, p.dir + '/sink-record')
        p.start()
        peer = make(p.cert_file, p.key_file, peer_port, p.ports['mx'], sink_port)
        try:
            for n, size in enumerate((2000, 60_000, 1_000_000)):
                send(peer_port, 'user0@in.test', n * 1000, p.dir + '/sent-in', '-s', str(size))
                send(p.ports['mx'], 'user0@out.test', 500 + n * 1000, p.dir + '/sent-out', '-s', str(size), '-p')
            want_in, want_out = records(p.dir + '/sent-in'), records(p.dir + '/sent-out')
            wait_until('mail through ' + name, 90, lambda: len(p.mail('user0@in.test')) >= len(want_in) and
                       len(records(p.dir + '/sink-record')) >= len(want_out))
            got_in = collections.defaultdict(list)
            mailbox_records(p, 'user0@in.test', got_in)
            got_out = records(p.dir + '/sink-record')
            assert {k: v for k, v in got_in.items()} == want_in, f'from {name}: differs'
            assert got_out == want_out, f'to {name}: differs'
            tls_in = 'TLSv1' in p.cli('trace', '--to', 'user0@in.test', '--json')
            sent = p.cli('trace', '--to', 'user0@out.test', '--json')
            tls_out, fell_back = 'TLSv1' in sent, 'handshake failed' in sent
            works = offers_working_tls(peer_port)
            assert tls_in and tls_out == works and fell_back == (not works), f'{name}: TLS in {tls_in}, out {tls_out}, fallback {fell_back}'
            print(f'{name}: {len(got_in)} in, {len(got_out)} out, TLS in, {"TLS" if works else "clear after a failed handshake"} out', flush=True)
        finally:
            peer.stop()
            sink.kill()
            sink.wait()


TEXT = 'From: alice@local.test\r\nTo: bob@local.test\r\nSubject: interop {name}\r\n\r\nDear Bob,\r\n.dot\r\n\r\n驿站\r\n'


def client(command):
    """A client submits as alice to bob; command(p, file) -> argv."""
    def case(name):
        if not shutil.which(name):
            raise peers.Unavailable(f'{name} is not installed')
        with Instance() as p:
            p.setup_command('domain add local.test')
            for who in ('alice', 'bob'):
                p.setup_command(f'account add {who}@local.test')
            p.start()
            path = os.path.join(p.dir, 'message.eml')
            open(path, 'w', newline='').write(TEXT.replace('{name}', name))
            for n, argv in enumerate(command(p, path), 1):
                r = subprocess.run(argv, stdin=open(path), capture_output=True, text=True, timeout=60)
                assert r.returncode == 0, f'{argv}: {r.returncode}\n{r.stdout}{r.stderr}'
                got = p.wait_mail('bob@local.test', n)
                assert 'Subject: interop ' + name in got and '\n.dot' in got and '驿站' in got, got
            print(f'{name}: {n} ways', flush=True)
    return case


def swaks(p, path):
    for auth in ('PLAIN', 'LOGIN'):
        yield ['swaks', '--server', '127.0.0.1', '--port', str(p.ports['submission']), '--tls', '--auth', auth, '--auth-user',
               'alice@local.test', '--auth-password', PASSWORD, '--from', 'alice@local.test', '--to', 'bob@local.test', '--data', '@' + path]
    yield ['swaks', '--server', '127.0.0.1', '--port', str(p.ports['submissions']), '--tlsc', '--auth', 'PLAIN', '--auth-user',
           'alice@local.test', '--auth-password', PASSWORD, '--from', 'alice@local.test', '--to', 'bob@local.test', '--data', '@' + path]
    yield ['swaks', '--server', '127.0.0.1', '--port', str(p.ports['mx']), '--from', 'x@elsewhere.test', '--to', 'bob@local.test',
           '--data', '@' + path]
    yield ['swaks', '--server', '127.0.0.1', '--port', str(p.ports['lmtp']), '--protocol', 'LMTP', '--from', 'x@elsewhere.test', '--to',
           'bob@local.test', '--data', '@' + path]


def curl(p, path):
    for url, more in ((f'smtps://127.0.0.1:{p.ports["submissions"]}', []), (f'smtp://127.0.0.1:{p.ports["submission"]}', ['--ssl-reqd'])):
        for mechanism in ('PLAIN', 'LOGIN'):
            yield ['curl', '-sSk', url + '/client.test', *more, '--login-options', 'AUTH=' + mechanism, '--user', 'alice@local.test:' + PASSWORD,
                   '--mail-from', 'alice@local.test', '--mail-rcpt', 'bob@local.test', '--upload-file', path]


def msmtp(p, path):
    for auth in ('plain', 'scram-sha-256'):
        yield ['msmtp', '--host=127.0.0.1', f'--port={p.ports["submission"]}', '--tls=on', '--tls-certcheck=off', f'--auth={auth}',
               '--user=alice@local.test', f'--passwordeval=echo "{PASSWORD}"', '--from=alice@local.test', 'bob@local.test']


CASES = {'postfix': lambda n: through(peers.postfix_interop, n), 'exim': lambda n: through(peers.exim, n),
         'opensmtpd': lambda n: through(peers.opensmtpd, n), 'swaks': client(swaks), 'curl': client(curl), 'msmtp': client(msmtp)}


def main():
    a = argparse.ArgumentParser()
    a.add_argument('--only', choices=CASES)
    args = a.parse_args()
    passed = failed = 0
    for name, case in CASES.items():
        if args.only and name != args.only:
            continue
        try:
            case(name)
            passed += 1
        except peers.Unavailable as e:
            print(f'{name}: skipped: {e}')
        except Exception as e:  # a broken case must not hide the others
            print(f'FAIL {name}: {type(e).__name__}: {e}', flush=True)
            failed += 1
    print(f'interop: {passed} passed, {failed} failed')
    sys.exit(failed > 0)


if __name__ == '__main__':
    main()
