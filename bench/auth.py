#!/usr/bin/env python3
"""DKIM verification beside libopendkim from Debian, both inside one process of their own on the same messages, in
one alternating run.

    ./dev bench auth [--reps 7] [--seconds 0.4]

Prints CPU microseconds a message (medians) and the median of the paired ratios. Neither asks a DNS: keys come from
a file. Debian's libopendkim knows no ed25519, so there only our own figure is shown.
"""
import argparse, base64, os, random, statistics, subprocess, sys, tempfile
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../test/lib'))
import dkim_peers
from judge import Judge, ROOT

K, M = 1024, 1024 * 1024
WORDS = 'the quick brown fox jumps over a lazy dog while mail is carried from host to host every single day'.split()
HEADER = '''Received: from mx.example.org (mx.example.org [192.0.2.7])
\tby mail.example.net with ESMTPS id 4Fz0Xk1Q2Rz9sT1
\tfor <somebody@example.net>; Sun, 22 Nov 2026 09:11:10 +0000 (UTC)
From: Somebody <somebody@example.com>
To: Somebody Else <else@example.net>,
\tA Third Person <third@example.net>
Subject: =?utf-8?q?A_message_of_ordinary_looks=2C_with_a_subject_of_ordinary_length?=
Date: Sun, 22 Nov 2026 09:11:08 +0000
Message-ID: <20261122091108.0123456789abcdef@example.com>
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit
X-Mailer: bench

'''


def message(size, kind):
    r = random.Random(size)
    lines, n = [], 0
    while n < size:
        if kind == 'base64':
            line = base64.b64encode(r.randbytes(57)).decode()
        else:
            line = ' '.join(r.choice(WORDS) for _ in range(r.choice([0, 8, 12, 14])))
        lines.append(line)
        n += len(line) + 2
    return (HEADER + '\n'.join(lines) + '\n').replace('\n', '\r\n').encode()


def run(command, rounds, keys, path):
    out = subprocess.run([*command, 'load', str(rounds), keys, path], check=True, capture_output=True, text=True).stdout.split()
    return float(out[0]) / 1000, int(out[1]) // rounds


def main():
    p = argparse.ArgumentParser()
    p.add_argument('--reps', type=int, default=7)
    p.add_argument('--seconds', type=float, default=0.4)
    args = p.parse_args()
    subprocess.run(['make', '--no-print-directory', '-C', ROOT, 'V=release', 'build/release/judge/dkim_load'], check=True, stdout=subprocess.DEVNULL)
    ours = [os.path.join(ROOT, 'build/release/judge/dkim_load')]
    with tempfile.TemporaryDirectory() as d, Judge('dkim') as judge:
        theirs = [dkim_peers.compile_opendkim(d)]
        keys = dkim_peers.Keys(d)
        print(f'{"message":24} {"signatures":14} {"posthouse µs":>13} {"opendkim µs":>13} {"ratio":>7}')
        for size, kind in ((4 * K, 'text'), (50 * K, 'text'), (M, 'text'), (M, 'base64')):
            for which in (('rsa',), ('rsa', 'rsa2'), ('ed',)):
                mail, path = message(size, kind), os.path.join(d, 'message')
                fields = judge.ask(do='sign', message=base64.b64encode(mail).decode(), domain='example.com', now=1700000000,
                                   keys=keys.pems(which))['fields']
                with open(path, 'wb') as f:
                    f.write(fields.encode() + mail)
                peers = [ours] if 'ed' in which else [ours, theirs]
                probe, passed = run(ours, 20, keys.file, path)
                rounds = max(20, int(args.seconds * 1e6 / probe))
                times = [[] for _ in peers]
                for _ in range(args.reps):
                    for peer, got in zip(peers, times):
                        us, good = run(peer, rounds, keys.file, path)
                        if good != len(which):
                            sys.exit(f'{peer[0]}: {good} of {len(which)} signatures pass')
                        got.append(us)
                mid = [statistics.median(t) for t in times]
                other = f'{mid[1]:13.1f} {statistics.median(a / b for a, b in zip(*times)):7.2f}' if len(peers) == 2 else f'{"-":>13} {"-":>7}'
                print(f'{f"{size // K} KiB {kind}":24} {" + ".join("rsa2048" if w != "ed" else "ed25519" for w in which):14} {mid[0]:13.1f} {other}', flush=True)


if __name__ == '__main__':
    main()
