#!/usr/bin/env python3
"""What leaves in our name: DKIM signatures, keys that change, forwarding with SRS and ARC, and the keys process killed.

    test/signing.py [NAME...]

Another implementation (python3-dkim) verifies what the server sends; keys come from its own command, as an
administrator would publish them.
"""
import os, re, signal, smtplib, sys, threading, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from posthouse import PASSWORD, Instance, wait_until
from sink import Sink
from tally import case, expect, run_cases
from zone import Zone
try:
    import dkim
except ImportError:
    dkim = None


class House:
    """An instance for home.test and other.test, a DNS, and a sink for everybody else's mail."""

    def __init__(self, config=(), refuse=()):
        self.sink = Sink(refuse)
        lines = [f'{d} MX 10 mx.{d}' for d in ('far.test', 'strange.test')]
        self.zone = Zone(lines + [f'mx.{d} A 127.0.0.1' for d in ('far.test', 'strange.test')])
        base = ['[dns]', 'mode = forward', f'servers = 127.0.0.1@{self.zone.port}', '[delivery]', f'port = {self.sink.port}', 'tls = none',
                '[queue]', 'retry = 1s']
        self.p = Instance(config=base + list(config))
        for command in ('domain add home.test --keys', 'domain add other.test --keys', 'domain add bare.test', 'account add ann@home.test',
                        'account add bob@other.test', 'account add cat@bare.test', 'alias add away@home.test pat@far.test ann@home.test'):
            self.p.setup_command(command)

    def __enter__(self):
        self.p.start()
        return self

    def __exit__(self, *exc):
        self.p.__exit__(*exc)
        self.zone.stop()

    def publish(self, domain=''):
        for key in self.p.json('dkim', 'list', *([domain] if domain else []))['keys']:
            name = key['name'].lower()
            self.zone.records[name] = [(16, b''.join(bytes([len(s)]) + s for s in (
                key['value'].encode()[i:i + 255] for i in range(0, len(key['value']), 255))))]

    def txt(self, name, timeout=5):
        """For python3-dkim: the text as published."""
        name = (name.decode() if isinstance(name, bytes) else name).rstrip('.').lower()
        for _, data in self.zone.records.get(name, []):
            text = b''
            while data:
                text, data = text + data[1:1 + data[0]], data[1 + data[0]:]
            return text
        return None

    def submit(self, data, sender='ann@home.test', to='pat@far.test', login=None, tries=1):
        for left in range(tries, 0, -1):
            try:
                with smtplib.SMTP_SSL('127.0.0.1', self.p.ports['submissions'], context=unverified(), timeout=60) as s:
                    s.login(login or sender, PASSWORD)
                    return s.sendmail(sender, [to] if isinstance(to, str) else to, data)
            except (smtplib.SMTPException, OSError):
                if left == 1:
                    raise
                time.sleep(0.2)

    def deliver(self, data, sender, to):
        with smtplib.SMTP('127.0.0.1', self.p.ports['mx'], timeout=60) as s:
            return s.sendmail(sender, [to], data)

    def verified(self, data):
        """Domain and algorithm of each signature that python3-dkim accepts; a wrong one is an error."""
        d = dkim.DKIM(data)
        found = []
        for i in range(len([n for n, v in d.headers if n.lower() == b'dkim-signature'])):
            if not d.verify(idx=i, dnsfunc=self.txt):
                raise AssertionError(f'signature {i} is wrong: {data[:2000]}')
            found.append((d.signature_fields[b'd'].decode(), d.signature_fields[b'a'].decode()))
        return sorted(found)


def unverified():
    import ssl
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def message(text='hello\r\n', author='ann@home.test', extra=''):
    return (f'From: Somebody <{author}>\r\nTo: pat@far.test\r\nSubject: =?utf-8?b?5L2g5aW9?= there\r\n{extra}\r\n{text}').encode()


BOTH = [('home.test', 'ed25519-sha256'), ('home.test', 'rsa-sha256')]


@case
def submitted_mail_is_signed():
    with House() as h:
        h.publish()
        bodies = ['hello\r\n', '', '\r\n\r\n', '..dots\r\n.\r\n', 'trailing  \t \r\n\r\n\r\n', 'x' * 900 + '\r\n' * 40, '\u4f60\u597d\r\n', 'y' * 300000 + '\r\n']
        bodies[-1] = ('z' * 70 + '\r\n') * 5000
        for i, body in enumerate(bodies):
            h.submit(message(body, extra='Bcc: secret@far.test\r\nDate: Sun, 22 Nov 2026 09:11:10 +0800\r\n'))
            sender, _, data = h.sink.wait(i + 1)
            expect(f'signatures of body {i}', h.verified(data), BOTH)
            assert b'secret@far.test' not in data and data.startswith(b'DKIM-Signature:'), data[:200]
        # A byte more, or a second Subject, and it is not ours any more.
        for bad in (data[:-3] + b'!' + data[-3:], data.replace(b'\r\nSubject:', b'\r\nSubject: evil\r\nSubject:', 1)):
            try:
                h.verified(bad)
            except (AssertionError, dkim.DKIMException):
                continue
            raise AssertionError('a changed message verifies')


@case
def who_signs():
    with House(['[smtp "submissions"]', 'header_from = any', 'bind_sender = no']) as h:
        h.publish()
        n = 0
        table = [  # login, envelope sender, From:, who signs
            ('ann@home.test', 'ann@home.test', 'ann@home.test', {'home.test'}),
            ('ann@home.test', 'ann@home.test', 'ann@sub.home.test', {'home.test'}),
            ('ann@home.test', 'ann@home.test', 'ann@elsewhere.test', {'home.test'}),  # by the envelope
            ('ann@home.test', 'ann@home.test', 'bob@other.test', {'home.test'}),  # not in another's name
            ('cat@bare.test', 'cat@bare.test', 'cat@bare.test', set()),
            ('cat@bare.test', 'cat@bare.test', 'ann@home.test', set()),
            ('bob@other.test', '', 'bob@other.test', {'other.test'}),
        ]
        for login, sender, author, wanted in table:
            h.submit(message(author=author), sender=sender, login=login)
            n += 1
            data = h.sink.wait(n)[2]
            expect(f'{login} {sender} {author}', {d for d, _ in h.verified(data)}, wanted)
        # Mail that others send through us is never signed.
        h.deliver(message(author='ann@home.test'), 'x@strange.test', 'ann@home.test')
        text = h.p.wait_mail('ann@home.test', 1)
        assert 'DKIM-Signature' not in text, text
        # What has no header gets one, and is signed.
        h.submit(b'just text\r\nmore: text\r\n')
        data = h.sink.wait(n + 1)[2]
        expect('without header', h.verified(data), BOTH)
        assert data.endswith(b'\r\n\r\njust text\r\nmore: text\r\n'), data


@case
def settings_choose_what_is_signed():
    config = ['[signing]', 'algorithms = rsa', 'headers = +From Subject X-Mine', 'lifetime = 2d', 'mail_from = no']
    with House(config) as h:
        h.publish()
        h.submit(message(extra='X-Mine: yes\r\n'))
        data = h.sink.wait(1)[2]
        expect('signatures', h.verified(data), BOTH[1:])
        tags = dict(t.strip().split('=', 1) for t in re.sub(rb'\s', b'', re.search(rb'DKIM-Signature:(.*?)\r\n(?! |\t)', data, re.S)[1]).decode().rstrip(';').split(';'))
        expect('h=', tags['h'].lower(), 'from:from:subject:x-mine')
        expect('lifetime', int(tags['x']) - int(tags['t']), 2 * 86400)
        conf = open(h.p.conf).read().replace('[signing]', '[signing]\nsign = no')
        open(h.p.conf, 'w').write(conf)
        h.p.cli('reload')
        h.submit(message(), tries=5)
        assert b'DKIM-Signature' not in h.sink.wait(2)[2]


@case
def rotation_keeps_mail_signed():
    with House() as h:
        h.publish('home.test')
        step = lambda *more, check=True: h.p.json_any('dkim', 'rotate', 'home.test', *more)
        h.submit(message())
        expect('before', h.verified(h.sink.wait(1)[2]), BOTH)
        expect('young', step('--older-than', '1d'), (0, 'young'))
        expect('first step', step(), (0, 'prepared'))
        expect('not visible', step(), (75, 'waiting'))
        h.submit(message())
        expect('old keys still sign', h.verified(h.sink.wait(2)[2]), BOTH)
        h.publish('home.test')
        expect('visible', step(), (0, 'activated'))
        expect('overlap', step(), (0, 'overlap'))
        time.sleep(1.2)  # the keys process notices within a second, the edges' lists are asked again
        h.submit(message())
        data = h.sink.wait(3)[2]
        expect('new keys sign', h.verified(data), BOTH)
        assert b's=ph' in data and data.count(b'DKIM-Signature:') == 2
        expect('former mail still verifies', h.verified(h.sink.got[0][2]), BOTH)
        expect('end of the overlap', step('--overlap', '0s'), (0, 'revoked'))
        h.publish('home.test')
        try:
            h.verified(h.sink.got[0][2])
        except (AssertionError, dkim.DKIMException):
            pass
        else:
            raise AssertionError('a revoked key still verifies')
        h.submit(message())
        expect('after', h.verified(h.sink.wait(4)[2]), BOTH)


@case
def keys_of_another_system_are_taken_over():
    import subprocess
    with House() as h:
        pem = subprocess.run(['openssl', 'genrsa', '2048'], check=True, capture_output=True, text=True).stdout
        path = os.path.join(h.p.dir, 'mail.private')
        open(path, 'w').write(pem)
        h.p.cli('dkim', 'import', 'bare.test', 'mail', path)
        time.sleep(1.2)  # the keys process looks each second
        h.publish('bare.test')
        h.submit(message(author='cat@bare.test'), sender='cat@bare.test')
        data = h.sink.wait(1)[2]
        expect('signed', h.verified(data), [('bare.test', 'rsa-sha256')])
        assert re.search(rb's=mail;', data)
        exported = h.p.cli('dkim', 'export', 'bare.test', 'mail', '--private')
        same = subprocess.run(['openssl', 'pkey', '-pubout'], input=exported, check=True, capture_output=True, text=True).stdout
        expect('export', same, subprocess.run(['openssl', 'pkey', '-pubout'], input=pem, check=True, capture_output=True, text=True).stdout)


@case
def forwarded_mail_has_a_sender_of_ours_and_a_seal():
    with House() as h:
        h.publish()
        h.zone.records['strange.test'].append((16, b'\x0dv=spf1 ip4:12'[:14]))
        h.zone.records['strange.test'][-1] = (16, bytes([len(b'v=spf1 ip4:127.0.0.1 -all')]) + b'v=spf1 ip4:127.0.0.1 -all')
        h.deliver(message(author='x@strange.test', extra='Date: Sun, 22 Nov 2026 09:11:10 +0800\r\n'), 'x@strange.test', 'away@home.test')
        sender, rcpts, data = h.sink.wait(1)
        expect('recipient', rcpts, ['pat@far.test'])
        assert re.fullmatch(r'SRS0=\w{6}=\w\w=strange\.test=x@home\.test', sender), sender
        cv, results, why = dkim.ARC(data).verify(dnsfunc=h.txt)
        expect(f'ARC ({why})', cv, b'pass')
        assert re.search(rb'ARC-Authentication-Results:\s*i=1;\s*mx\.post\.test;.*spf=pass', data, re.S), data
        # The mailbox beside it keeps the true sender, and no seal.
        text = h.p.wait_mail('ann@home.test', 1)
        assert text.startswith('Return-Path: <x@strange.test>') and 'ARC-Seal' not in text, text
        # Of our own users the sender stays.
        h.submit(message(), sender='ann@home.test', to='away@home.test')
        expect('own sender', h.sink.wait(2)[0], 'ann@home.test')


def smtp_code(h, sender, to):
    with smtplib.SMTP('127.0.0.1', h.p.ports['mx'], timeout=60) as s:
        s.ehlo('peer.test')
        s.mail(sender)
        return s.rcpt(to)[0]


@case
def bounces_find_the_true_sender():
    with House(['[srs]', 'bounces = 3', '[server]', 'edges = 1']) as h:
        h.deliver(message(author='x@strange.test'), 'x@strange.test', 'away@home.test')
        srs = h.sink.wait(1)[0]
        expect('from a sender', smtp_code(h, 'spammer@far.test', srs), 550)
        expect('forged', smtp_code(h, '', srs.replace('=x@', '=victim@')), 550)
        expect('another domain', smtp_code(h, '', srs.replace('strange.test', 'victims.test')), 550)
        expect('of others', smtp_code(h, '', srs.replace('@home.test', '@far.test')), 554)
        h.deliver(message('it bounced\r\n', author='mailer-daemon@far.test'), '', srs)
        expect('the way back', h.sink.wait(2)[:2], ('', ['x@strange.test']))
        h.deliver(message('once more\r\n', author='mailer-daemon@far.test'), '', srs.upper().replace('SRS0', 'srs0'))
        h.sink.wait(3)
        expect('one more', smtp_code(h, '', srs), 250)
        expect('too many', smtp_code(h, '', srs), 450)


@case
def our_own_bounce_goes_to_the_true_sender_and_is_signed():
    with House(['[queue]', 'postmaster = mailer-daemon@home.test', 'retry = 1s'], refuse=['pat@far.test']) as h:
        h.publish()
        h.deliver(message(author='x@strange.test'), 'x@strange.test', 'away@home.test')
        sender, rcpts, data = h.sink.wait(1)
        expect('report', (sender, rcpts), ('', ['x@strange.test']))
        expect('its signatures', h.verified(data), BOTH)


def pid_of(h, role):
    return next((pid for pid, name in h.p.processes().items() if name == role), None)


@case
def mail_waits_for_the_keys_process():
    with House(['[signing]', 'wait = 2s']) as h:
        h.publish()
        h.submit(message())
        pid = pid_of(h, 'keys')
        os.kill(pid, signal.SIGKILL)
        h.submit(message())  # while it is being restarted
        expect('signed after a restart', h.verified(h.sink.wait(2)[2]), BOTH)
        wait_until('the restart', 10, lambda: pid_of(h, 'keys') not in (None, pid))
        os.kill(pid_of(h, 'keys'), signal.SIGSTOP)
        try:
            h.submit(message())
            raise AssertionError('taken without a signature')
        except smtplib.SMTPDataError as e:
            expect('told to come again', e.smtp_code, 451)
        # Forwarded mail of strangers: no sender can be made now, so it waits.
        h.deliver(message(author='x@strange.test'), 'x@strange.test', 'away@home.test')
        time.sleep(3)
        expect('nothing left unsigned', len(h.sink.got), 2)
        os.kill(pid_of(h, 'keys'), signal.SIGCONT)
        assert h.sink.wait(3)[0].startswith('SRS0=')


@case
def unsigned_when_the_administrator_wants_it():
    with House(['[signing]', 'wait = 500ms', 'if_unreachable = unsigned']) as h:
        h.submit(message())
        os.kill(pid_of(h, 'keys'), signal.SIGSTOP)
        h.submit(message())
        assert b'DKIM-Signature' not in h.sink.wait(2)[2]
        os.kill(pid_of(h, 'keys'), signal.SIGCONT)


@case
def killing_keys_under_load_loses_nothing():
    with House() as h:
        h.publish()
        accepted, stop = [], threading.Event()

        def load(worker):
            n = 0
            while not stop.is_set():
                mark = f'{worker}-{n}'
                n += 1
                try:
                    h.submit(message(f'{mark}\r\n', extra=f'X-Mark: {mark}\r\n'))
                    accepted.append(mark)
                except smtplib.SMTPResponseException as e:
                    assert e.smtp_code < 500, e
                except (smtplib.SMTPException, OSError):
                    pass
        workers = [threading.Thread(target=load, args=(i,)) for i in range(4)]
        for w in workers:
            w.start()
        for _ in range(6):
            time.sleep(1)
            pid = pid_of(h, 'keys')
            if pid:
                os.kill(pid, signal.SIGKILL)
        stop.set()
        for w in workers:
            w.join()
        assert len(accepted) > 20, len(accepted)
        wait_until('delivery', 60, lambda: h.p.queued() == 0)
        marks = [re.search(rb'^X-Mark: (\S+)', data, re.M)[1].decode() for _, _, data in h.sink.got]
        expect('accepted, but not delivered', sorted(set(accepted) - set(marks)), [])
        expect('delivered twice', len(marks), len(set(marks)))
        for _, _, data in h.sink.got:
            expect('signatures', h.verified(data), BOTH)


def main():
    if dkim is None:
        print('skipped: python3-dkim is not installed\n0 passed, 0 failed')
        return 0
    return run_cases(sys.argv[1:])


if __name__ == '__main__':
    sys.exit(main())
