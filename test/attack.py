#!/usr/bin/env python3
"""Attackers and honest senders side by side, each from addresses of its own on loopback, against one server.

    test/attack.py [--seconds 40]

bot      eight addresses: other protocols, talking first, false names, forged senders, junk recipients
slow     one address that wants two hundred connections and says a byte now and then
harvest  one address that asks for recipients from a dictionary, on six connections at a time
partner  known by configuration: six messages a second over TLS
stranger not known at all, but in order: a message every four seconds over TLS

The first three must be stopped before DATA, all of them, and must not hold more than their share of connections.
The last two must lose nothing, have nothing put off, and be served quickly meanwhile. Numbers are printed.
"""
import argparse, os, random, smtplib, socket, ssl, sys, threading, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from posthouse import Instance, wait_until
from zone import Zone

BOTS = [f'127.0.2.{i}' for i in range(1, 9)]
SLOW, HARVEST, PARTNER, STRANGER = '127.0.3.1', '127.0.4.1', '127.0.5.1', '127.0.6.1'
SLOW_WANTS = 200
NAMES = ('ann', 'ben', 'cho', 'dan', 'eva', 'fay', 'gus', 'han', 'ida', 'joe', 'kim', 'leo', 'mia', 'ned', 'ola', 'pam')


def arpa(ip):
    return '.'.join(reversed(ip.split('.'))) + '.in-addr.arpa'


def records():
    lines = []
    for ip in BOTS:
        host = f'dsl-{ip.replace(".", "-")}.dyn.isp.test'
        lines += [f'{arpa(ip)} PTR {host}', f'{host} A {ip}']
    for ip, host in ((HARVEST, 'mail.harvest.test'), (SLOW, 'mail.slow.test'), (PARTNER, 'mail.partner.test'), (STRANGER, 'mail.stranger.test')):
        lines += [f'{arpa(ip)} PTR {host}', f'{host} A {ip}', f'{host.split(".", 1)[1]} TXT v=spf1 ip4:{ip} -all']
    lines += ['victim.test TXT v=spf1 ip4:198.51.100.1 -all', 'victim.test MX 10 mail.victim.test']
    # A block list that knows half of the bots.
    lines += ['2.0.0.127.bl.test A 127.0.0.2'] + [f'{".".join(reversed(ip.split(".")))}.bl.test A 127.0.0.4' for ip in BOTS[::2]]
    return lines


class Count:
    """What happened to one kind of caller."""

    def __init__(self):
        self.lock, self.n = threading.Lock(), {}

    def add(self, what, n=1):
        with self.lock:
            self.n[what] = self.n.get(what, 0) + n

    def top(self, what, n):
        with self.lock:
            self.n[what] = max(self.n.get(what, 0), n)

    def __getitem__(self, what):
        return self.n.get(what, 0)

    def __str__(self):
        return ', '.join(f'{k} {v}' for k, v in sorted(self.n.items()))


class Talk:
    """A connection, read reply by reply."""

    def __init__(self, ip, port, timeout=20):
        self.s = socket.create_connection(('127.0.0.1', port), timeout, (ip, 0))
        self.s.settimeout(timeout)
        self.file = self.s.makefile('rb')

    def say(self, line):
        self.s.sendall(line if isinstance(line, bytes) else line.encode() + b'\r\n')

    def reply(self):
        """One whole reply; empty when the connection is closed."""
        line, text = b'   -', b''
        while line[3:4] == b'-':
            line = self.file.readline()
            text += line
        return text.decode('latin-1')

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.file.close()
        self.s.close()


def talk(s, count, lines):
    """Says the lines one after the other while the answers are good. Counts how far it comes."""
    for line in lines:
        s.say(line)
        got = s.reply()
        word = line.split(':')[0].split(' ')[0].upper()
        if got[:1] not in ('2', '3'):
            count.add(f'refused at {word}' if got else 'closed')
            if got[:3] in ('421', '554') or not got:
                return
        elif word == 'DATA':
            count.add('DATA')
            return


def greeted(s, count):
    hello = s.reply()
    if not hello.startswith('220'):
        count.add('turned away')
        return False
    count.add('greeted')
    return True


def http(s, count):
    s.say(b'GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    if greeted(s, count):
        s.reply()


def tls(s, count):
    s.say(b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' + bytes(40))
    if greeted(s, count):
        s.reply()


def early(s, count):
    s.say('EHLO friend')
    if greeted(s, count):
        s.reply()
        talk(s, count, ['MAIL FROM:<win@victim.test>', 'RCPT TO:<bob@local.test>', 'DATA'])


def liar(helo):
    def run(s, count):
        if greeted(s, count):
            talk(s, count, [f'EHLO {helo}', 'MAIL FROM:<boss@victim.test>', 'RCPT TO:<bob@local.test>', 'DATA'])
    return run


def junk(s, count):
    if greeted(s, count):
        some = [f'RCPT TO:<{random.choice(NAMES)}{random.randrange(999)}@local.test>' for _ in range(5)]
        talk(s, count, ['HELO localhost', 'MAIL FROM:<x@victim.test>'] + some + ['DATA'])


TRICKS = [http, tls, early, junk, liar('localhost'), liar('127.0.0.1'), liar('mx.post.test'), liar('local.test')]


def bot(ip, port, until, count):
    trick = 0
    while time.monotonic() < until:
        count.add('attempts')
        try:
            with Talk(ip, port) as s:
                TRICKS[trick % len(TRICKS)](s, count)
        except OSError:
            count.add('closed')
        trick += 1
        time.sleep(0.05)


def slow(port, until, count):
    """Holds what it gets, a byte at a time, as long as it is let."""
    held = []
    while time.monotonic() < until:
        if len(held) < SLOW_WANTS:
            count.add('attempts')
            try:
                s = Talk(SLOW, port, 3)
                if s.reply().startswith('220'):
                    held.append(s)
                else:
                    count.add('turned away')
                    s.__exit__()
            except OSError:
                count.add('turned away')
        for s in held[:]:
            try:
                s.s.setblocking(False)
                s.s.send(b'E')
                if s.s.recv(100) == b'':
                    raise OSError
            except BlockingIOError:
                pass
            except OSError:
                held.remove(s)
                count.add('closed')
        count.top('most held', len(held))
        time.sleep(0.1)
    for s in held:
        s.__exit__()


def harvest(port, until, count, first):
    tried = first
    while time.monotonic() < until:
        count.add('attempts')
        try:
            with Talk(HARVEST, port) as s:
                if not greeted(s, count):
                    time.sleep(0.2)
                    continue
                for line in ('EHLO mail.harvest.test', 'MAIL FROM:<news@harvest.test>'):
                    s.say(line)
                    if s.reply()[:1] != '2':
                        break
                while time.monotonic() < until:
                    s.say(f'RCPT TO:<{NAMES[tried % len(NAMES)]}{tried}@local.test>')
                    got = s.reply()
                    count.add('asked')
                    tried += 1
                    if got.startswith('550 5.1.1'):
                        count.add('answered')
                    if not got or got.startswith('421'):
                        break
        except OSError:
            count.add('closed')


def honest(ip, host, port, until, every, count, times):
    """Messages at a steady rate, each in a connection of its own, as many servers send."""
    tls_context = ssl.create_default_context()
    tls_context.check_hostname, tls_context.verify_mode = False, ssl.CERT_NONE
    domain = host.split('.', 1)[1]
    threads = []

    def send(number):
        began = time.monotonic()
        try:
            with smtplib.SMTP('127.0.0.1', port, local_hostname=host, timeout=30, source_address=(ip, 0)) as s:
                s.starttls(context=tls_context)
                s.sendmail(f'ann@{domain}', ['bob@local.test'],
                           f'From: Ann <ann@{domain}>\r\nTo: bob@local.test\r\nSubject: {number}\r\nMessage-ID: <{number}@{host}>\r\n\r\n'
                           + 'A real letter, of some length.\r\n' * 100)
            count.add('accepted')
        except (OSError, smtplib.SMTPException) as e:
            count.add('put off or lost')
            print(f'  {host}: {e}')
        times.append(time.monotonic() - began)

    while time.monotonic() < until:
        count.add('sent')
        t = threading.Thread(target=send, args=(count['sent'],))
        t.start()
        threads.append(t)
        time.sleep(every)
    for t in threads:
        t.join(60)


def percentile(times, p):
    return sorted(times)[min(len(times) - 1, int(len(times) * p / 100))] if times else 0


def check(what, good):
    print(('ok ' if good else 'FAIL ') + what, flush=True)
    return 0 if good else 1


def run(p, seconds):
    port, until = p.ports['mx'], time.monotonic() + seconds
    counts = {name: Count() for name in ('bot', 'slow', 'harvest', 'partner', 'stranger')}
    times = {'partner': [], 'stranger': []}
    jobs = [threading.Thread(target=bot, args=(ip, port, until, counts['bot'])) for ip in BOTS]
    jobs += [threading.Thread(target=harvest, args=(port, until, counts['harvest'], 10000 * i)) for i in range(6)]
    jobs += [threading.Thread(target=slow, args=(port, until, counts['slow'])),
             threading.Thread(target=honest, args=(PARTNER, 'mail.partner.test', port, until, 1 / 6, counts['partner'], times['partner'])),
             threading.Thread(target=honest, args=(STRANGER, 'mail.stranger.test', port, until, 4, counts['stranger'], times['stranger']))]
    for j in jobs:
        j.start()
    for j in jobs:
        j.join(seconds + 90)
    return counts, times


def judge(p, counts, times, seconds):
    bad = 0
    for name, c in counts.items():
        print(f'{name}: {c}')
    for name, t in times.items():
        print(f'{name}: p50 {percentile(t, 50):.3f} s, p99 {percentile(t, 99):.3f} s a message, connection to end')
    bot_count, slow_count, harvest_count = counts['bot'], counts['slow'], counts['harvest']
    bad += check('no bot came to DATA', bot_count['DATA'] == 0)
    bad += check('most bots were turned away before they were greeted', bot_count['turned away'] > bot_count['greeted'])
    bad += check('the slow one holds no more than a stranger may', 0 < slow_count['most held'] <= 20)
    bad += check('the harvester learns next to nothing', 0 < harvest_count['answered'] <= 60)
    bad += check('and is turned away in the end', harvest_count['turned away'] > 0)
    for name in ('partner', 'stranger'):
        c = counts[name]
        bad += check(f'the {name} loses nothing and waits for nothing', c['sent'] > 0 and c['accepted'] == c['sent'])
    bad += check('the partner sends what it has', counts['partner']['sent'] >= 5 * seconds)
    bad += check('the partner is served within two seconds', percentile(times['partner'], 99) < 2)
    want = counts['partner']['sent'] + counts['stranger']['sent']
    try:
        wait_until('delivery', 30, lambda: len(p.mail('bob@local.test')) >= want)
    except TimeoutError:
        pass
    bad += check('every letter of both is in the mailbox, and nothing else', len(p.mail('bob@local.test')) == want)
    rows = p.cli('trace', '--status', 'refused', '--limit', '100000').count('\n')
    refused = sum(n for c in (bot_count, harvest_count) for what, n in c.n.items() if what.startswith('refused'))
    print(f'rows of refusals in the trace: {rows}')
    bad += check('the trace is not flooded', rows < 1000)
    bad += check('the attackers were refused at all', refused + bot_count['turned away'] > 100)
    return bad


def main():
    args = argparse.ArgumentParser()
    args.add_argument('--seconds', type=int, default=40)
    seconds = args.parse_args().seconds
    zone = Zone(records())
    config = ['[dns]', 'mode = forward', f'servers = 127.0.0.1@{zone.port}',
              '[source "local"]', 'networks = 127.0.0.1',
              '[source "partner"]', 'class = known', f'networks = {PARTNER}',
              '[dnsbl "bl"]', 'zone = bl.test']
    with Instance(config=config) as p:
        p.setup_command('domain add local.test')
        p.setup_command('account add bob@local.test')
        p.start()
        counts, times = run(p, seconds)
        bad = judge(p, counts, times, seconds)
        if bad:
            print(p.log_tail(20000))
    print(f'{13 - bad} passed, {bad} failed')
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
