#!/usr/bin/env python3
"""Attachments are kept once: a large file sent to many mailboxes in many different messages, encoded anew each time, takes its place
once (store/segment.h). Numbers are those of the files on disk and of `posthouse store stat`.

    test/once.py [--mailboxes N] [--size BYTES]     500, 10 MB
"""
import argparse, base64, os, random, smtplib, sys, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from posthouse import Instance, wait_until
from tally import check, result


def pack_bytes(p):
    return p.json('store', 'stat')['pack_bytes']


def letter(number, to, encoded):
    text = f'Dear number {number}, here is the file. ' + ''.join(random.choice('abcdefgh ') for _ in range(200 + number))
    b = f'=_{random.getrandbits(64):x}'
    return (f'From: sender <s@else.test>\r\nTo: {to}\r\nSubject: file for {number}\r\nDate: Sun, 22 Nov 2026 09:11:10 +0800\r\n'
            f'Message-ID: <{number}.{random.getrandbits(64):x}@else.test>\r\nMIME-Version: 1.0\r\n'
            f'Content-Type: multipart/mixed; boundary="{b}"\r\n\r\n--{b}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n\r\n--{b}\r\n'
            f'Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename="f{number}.bin"\r\n\r\n').encode() \
        + encoded + f'--{b}--\r\n'.encode()


def main():
    o = argparse.ArgumentParser(description=__doc__)
    o.add_argument('--mailboxes', type=int, default=500)
    o.add_argument('--size', type=int, default=10 * 1000 * 1000)
    o = o.parse_args()
    payload = base64.encodebytes(random.randbytes(o.size)).replace(b'\n', b'\r\n')
    with Instance(config=['[filter]', 'enabled = no', '[server]', 'edges = 1'], listeners=('lmtp',)) as p:
        p.setup_command('domain add local.test')
        rcpts = [f'u{n}@local.test' for n in range(o.mailboxes)]
        with open(p.dir + '/users.csv', 'w', encoding='utf-8') as f:
            f.write('address\n' + ''.join(f'{r}\n' for r in rcpts))
        p.cli('account', 'import', '--no-passwords', p.dir + '/users.csv')
        p.start()
        before, began, sent = pack_bytes(p), time.monotonic(), 0
        with smtplib.LMTP('127.0.0.1', p.ports['lmtp']) as s:
            for n, rcpt in enumerate(rcpts):
                raw = letter(n, rcpt, payload)
                s.sendmail('s@else.test', [rcpt], raw)
                sent += len(raw)
        p.wait_queue(0, 120)
        used = pack_bytes(p) - before
        check('all of them came', p.json('store', 'stat')['mailbox_messages'] == o.mailboxes)
        raw = p.cli('mailbox', 'cat', random.choice(rcpts), '1')
        check('whole', payload.decode().replace('\r\n', '\n').strip() in raw.replace('\r\n', '\n'))
        print(f'{o.mailboxes} messages, {sent / 1e6:.0f} MB sent, {used / 1e6:.1f} MB stored, one attachment {len(payload) / 1e6:.1f} MB encoded, '
              f'{time.monotonic() - began:.0f} s')
        # Packs grow by 16 MiB before they are written to.
        check('one copy', used < len(payload) * 1.1 + o.mailboxes * 8192 + (16 << 20), used)
    sys.exit(result())


if __name__ == '__main__':
    main()
