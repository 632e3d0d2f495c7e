#!/usr/bin/env python3
"""The first step: what `posthouse init` writes, and what it finds out about the DNS.

    test/first.py

Resolvers of the test's own: one whose answers are signed (nsd; those cases are skipped without it), one that drops
signatures, one that is silent. The DNS's root is the test's.
"""
import os, shutil, subprocess, sys, tempfile
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from peers import Unavailable
from posthouse import PASSWORD, PROGRAM
from signed_dns import SignedDns
from tally import check, result
from zone import Zone


class Installation:
    """One that nobody has configured yet."""

    def __init__(self, where, name):
        self.dir = os.path.join(where, name)
        os.mkdir(self.dir)
        os.chmod(self.dir, 0o755)
        self.conf = self.dir + '/posthouse.conf'

    def run(self, *words, lang='en', stdin=None):
        r = subprocess.run([PROGRAM, '--config', self.conf, '--lang', lang, *words], capture_output=True, text=True, timeout=60, input=stdin or '')
        return r.returncode, r.stdout + r.stderr

    def init(self, *more, lang='en'):
        user = ['--user', 'nobody'] if os.geteuid() == 0 else []
        return self.run('init', '--domain', 'home.test', '--hostname', 'mx.home.test', '--data', self.dir + '/data', '--run', self.dir + '/run',
                        '--stdin', *user, *more, lang=lang, stdin=PASSWORD + '\n')

    def text(self):
        return open(self.conf, encoding='utf-8').read()


def signed(where):
    dns = SignedDns(where + '/dns')
    dns.zone('test.', [], signed=True)
    dns.zone('org.', ['org. 5 IN MX 10 mx.org.'], signed=True)
    dns.zone('qq.com.', ['qq.com. 5 IN MX 10 mx.qq.com.'], signed=False)
    dns.start()
    try:
        resolver = f'127.0.0.1@{dns.port}'
        new = Installation(where, 'signed')
        code, out = new.init('--resolver', resolver, '--trust-anchor', dns.anchor)
        check('signatures come through: told, and the trust anchor is set', code == 0 and 'hands on DNSSEC signatures' in out and
              f'servers = {resolver}\ntrust_anchor = "{dns.anchor}"' in new.text(), out + new.text())
        code, out = new.run('policy', 'show')
        check('there are policies', code == 0 and '[policy "virus"]' in out and 'high-phishing' in out, out)
        code, out = new.run('check-config')
        check('and DANE is on', code == 0 and 'DANE' not in out, out)
        code, out = new.run('lookup', 'dnssec')
        check('lookup dnssec agrees', code == 0 and 'hands on' in out, out)
        before = new.text()
        code, out = new.run('init', '--domain', 'home.test', '--admin', 'admin@home.test')
        history = new.run('policy', 'history')[1]
        check('a second init changes nothing', code == 0 and 'stays as it is' in out and new.text() == before and '2' not in history.split(), out + history)
        dns.zone('org.', ['org. 5 IN MX 10 mx.org.'], signed=True, damage=[('org.', 'NS')])
        dns.reload()
        code, out = new.run('lookup', 'dnssec')
        check('a false signature is no DNSSEC', code == 1 and 'no mail can leave' in out, out)
        code, out = Installation(where, 'zh').init('--resolver', resolver, '--trust-anchor', dns.anchor, lang='zh')
        check('in Chinese', code == 0 and '解析服务器不传递 DNSSEC 签名' in out, out)
        return dns.anchor
    finally:
        dns.stop()


def not_signed(where, anchor):
    zone = Zone(['org NS ns.org', 'qq.com MX 10 mx.qq.com'])
    server = f'127.0.0.1@{zone.port}'
    try:
        for name, mood, code_of_lookup, words in (('dropping', None, 1, 'does not hand on'), ('failing', 'SERVFAIL', None, None),
                                                  ('silent', 'DROP', 75, 'does not answer')):
            zone.mood = mood
            new = Installation(where, name)
            code, out = new.init('--resolver', server, '--trust-anchor', anchor)
            check(f'a {name} resolver: no trust anchor', code == 0 and 'trust_anchor' not in new.text() and 'lookup dnssec' in out, out)
            check(f'a {name} resolver: it is said', words is None or words in out, out)
            code, out = new.run('check-config')
            check(f'a {name} resolver: check-config says that DANE is off', code == 0 and 'DANE is off' in out, out)
            with open(new.conf, 'a', encoding='utf-8') as f:
                f.write(f'\n[dns]\ntrust_anchor = {anchor}\n')
            code, out = new.run('lookup', 'dnssec')
            check(f'a {name} resolver: lookup dnssec says so', code == code_of_lookup or code_of_lookup is None and code in (1, 75), f'{code} {out}')
    finally:
        zone.stop()


def mistakes(where):
    for name, words in (('none', ['--trust-anchor', '/no/such/file']), ('relative', ['--trust-anchor', 'file']), ('server', ['--resolver', 'nonsense'])):
        new = Installation(where, name)
        code, out = new.init(*words)
        if name == 'none':
            check('no anchor file: told, and set up without', code == 0 and 'trust anchor is missing' in out and 'trust_anchor' not in new.text(), out)
        else:
            check(f'{" ".join(words)} is refused, nothing is written', code != 0 and not os.path.exists(new.conf), f'{code} {out}')


def main():
    where = tempfile.mkdtemp(prefix='posthouse-first-')
    os.chmod(where, 0o755)
    try:
        anchor = '/usr/share/dns/root.key'
        try:
            anchor = signed(where)
        except Unavailable as e:
            print(f'signed: skipped: {e}')
        not_signed(where, anchor)
        mistakes(where)
    finally:
        shutil.rmtree(where)
    return result()


sys.exit(main())
