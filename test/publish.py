#!/usr/bin/env python3
"""`posthouse domain dns` and `domain check`: what is printed, published in a made zone, is found right; each
mistake is told.

    test/publish.py [NAME...]
"""
import json, os, subprocess, sys, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from posthouse import PROGRAM, Instance
from tally import case, expect, run_cases
from zone import TYPES, Zone, wire_data

ADDRESS = '5.6.7.8'  # nothing is sent there; libunbound answers for loopback and private reverse names itself


class Site:
    """A domain and its zone, which publishes what the command prints, but for the kinds left out."""

    def __init__(self, config=()):
        self.zone = Zone([])
        self.p = Instance(config=['[dns]', 'mode = forward', f'servers = 127.0.0.1@{self.zone.port}', *config])
        self.p.cli('domain', 'add', 'home.test')

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.p.__exit__(*exc)
        self.zone.stop()

    def records(self, *more):
        return self.p.json('domain', 'dns', 'home.test', '--address', ADDRESS, *more)['records']

    def put(self, name, kind, value):
        self.zone.records.setdefault(name.lower(), []).append((TYPES[kind], wire_data(kind, value.split(' '))))

    def publish(self, without=()):
        self.zone.records.clear()
        for r in self.records():
            if r['type'] in TYPES and not any(word in r['name'] for word in without):
                self.put(r['name'], r['type'], r['value'])

    def replace(self, name, kind, *values):
        self.zone.records[name] = [row for row in self.zone.records.get(name, []) if row[0] != TYPES[kind]]
        for value in values:
            self.put(name, kind, value)

    def check(self, *more):
        """Exit code, and (type, name) -> state of what is checked."""
        r = subprocess.run([PROGRAM, '--config', self.p.conf, 'domain', 'check', 'home.test', '--address', ADDRESS, '--json', *more],
                           capture_output=True, text=True, timeout=120, env=self.p.environment)
        found = {}
        for c in json.loads(r.stdout)['domains'][0]['checks']:
            key = c['type'], c['name']
            if found.get(key, 'right') == 'right':
                found[key] = c['state']
        return r.returncode, found


@case
def everything_published_is_right():
    with Site() as s:
        code, found = s.check()
        expect('nothing published', code, 1)
        expect('states', set(found.values()), {'missing'})
        s.publish(without=['_mta-sts'])
        code, found = s.check()
        expect('wrong', {k: v for k, v in found.items() if v != 'right'}, {('STS', '_mta-sts.home.test'): 'missing'})
        expect('exit code', code, 0)
        expect('checks', sorted({t for t, _ in found}), ['A', 'DKIM', 'DMARC', 'MX', 'PTR', 'RPT', 'SPF', 'SRV', 'STS', 'TLSA'])
        # A text of more than 255 bytes comes in strings that a zone file can hold.
        text = s.p.cli('domain', 'dns', 'home.test', '--address', ADDRESS)
        assert all(len(part) <= 255 for line in text.splitlines() if not line.startswith(';') for part in line.split('"')[1::2]), text
        for word in ('v=spf1', 'v=DMARC1', 'v=STSv1', 'v=TLSRPTv1', ' IN TLSA 3 1 1 ', ' IN SRV ', 'in-addr.arpa', 'mode: testing', 'k=ed25519'):
            assert word in text, word
        assert '应发布的记录' in s.p.cli('--lang', 'zh', 'domain', 'dns', 'home.test')
        assert 'mode: enforce' in s.p.cli('domain', 'dns', 'home.test', '--enforce')


def key_names(s):
    return [k['name'] for k in s.p.json('dkim', 'list', 'home.test')['keys']]


@case
def each_mistake_is_told():
    with Site() as s:
        s.publish(without=['_mta-sts'])
        rsa, ed = key_names(s)
        mx, home = 'mx.post.test', 'home.test'
        tlsa = f'_25._tcp.{mx}'
        table = [  # name, type, values in their place; what is then told of what; exit code
            (mx, 'A', ['127.0.0.9'], ('A', mx), 'different', 1),
            ('8.7.6.5.in-addr.arpa', 'PTR', ['other.test.'], ('PTR', ADDRESS), 'different', 1),
            ('8.7.6.5.in-addr.arpa', 'PTR', [], ('PTR', ADDRESS), 'missing', 1),
            (home, 'MX', ['10 mx.elsewhere.test.'], ('MX', home), 'different', 1),
            (home, 'TXT', ['v=spf1 ip4:192.0.2.1 -all'], ('SPF', home), 'different', 1),
            (home, 'TXT', ['v=spf1 mx -all', 'v=spf1 a -all'], ('SPF', home), 'different', 1),
            (home, 'TXT', ['v=spf1 nonsense -all'], ('SPF', home), 'different', 1),
            (home, 'TXT', [], ('SPF', home), 'missing', 1),
            (rsa, 'TXT', [], ('DKIM', rsa), 'missing', 1),
            (ed, 'TXT', ['v=DKIM1; k=ed25519; p=xIwAKTCNmvOyNL2XuiaK1sXNqW787gjV2JPH2wBaKOQ='], ('DKIM', ed), 'different', 1),
            ('_dmarc.' + home, 'TXT', ['v=DMARC1; p=sometimes'], ('DMARC', '_dmarc.' + home), 'different', 1),
            ('_dmarc.' + home, 'TXT', ['v=DMARC1; p=reject'], ('DMARC', '_dmarc.' + home), 'different', 0),  # reports go nowhere
            ('_dmarc.' + home, 'TXT', [], ('DMARC', '_dmarc.' + home), 'missing', 1),
            ('_smtp._tls.' + home, 'TXT', ['v=TLSRPTv1;'], ('RPT', '_smtp._tls.' + home), 'different', 0),
            (tlsa, 'TLSA', ['3 1 1 ' + '00' * 32], ('TLSA', tlsa), 'different', 1),
            (tlsa, 'TLSA', [], ('TLSA', tlsa), 'missing', 0),
            ('_submissions._tcp.' + home, 'SRV', ['0 1 465 imap.elsewhere.test.'], ('SRV', '_submissions._tcp.' + home), 'different', 0),
            ('_mta-sts.' + home, 'TXT', ['v=STSv1; id=1'], ('STS', '_mta-sts.' + home), 'different', 1),  # and no web server
        ]
        for name, kind, values, key, state, wanted in table:
            before = list(s.zone.records.get(name, []))
            s.replace(name, kind, *values)
            code, found = s.check()
            expect(f'{name} {kind} {values}', (found[key], code), (state, wanted))
            s.zone.records[name] = before
        expect('mended', s.check()[0], 0)


@case
def keys_in_every_state():
    with Site() as s:
        rsa, ed = key_names(s)
        selectors = [n.split('.')[0] for n in (rsa, ed)]
        s.publish(without=['_mta-sts'])
        s.p.cli('dkim', 'retire', 'home.test', selectors[0])
        s.p.cli('dkim', 'revoke', 'home.test', selectors[1])
        code, found = s.check()
        expect('revoked, but published', (found['DKIM', ed], code), ('different', 1))
        expect('retired, still published', found['DKIM', rsa], 'right')
        expect('no active key', found['DKIM', 'home.test'], 'missing')
        s.replace(ed, 'TXT', 'v=DKIM1; p=')
        s.replace(rsa, 'TXT')
        code, found = s.check()
        expect('revoked', found['DKIM', ed], 'right')
        expect('retired too early', found['DKIM', rsa], 'missing')
        s.p.cli('dkim', 'add', 'home.test', '--algorithm', 'ed25519', '--selector', 'new')
        s.replace('new._domainkey.home.test', 'TXT', [r['value'] for r in s.records() if r['name'].startswith('new.')][0])
        s.p.cli('dkim', 'remove', 'home.test', selectors[0])
        expect('a new key', s.check()[0], 0)


@case
def a_dead_dns_is_no_mistake():
    with Site() as s:
        s.publish(without=['_mta-sts'])
        s.zone.special['_dmarc.home.test'] = 'SERVFAIL'
        code, found = s.check()
        expect('DMARC', (found['DMARC', '_dmarc.home.test'], code), ('unknown', 75))
        del s.zone.special['_dmarc.home.test']


@case
def other_settings():
    config = ['[srs]', 'domain = bounces.test', '[reports]', 'addresses = dmarc@reports.test', '[delivery]', 'source_v4 = 127.0.0.5']
    with Site(config) as s:
        records = {(r['name'], r['type']): r['value'] for r in s.p.json('domain', 'dns', 'home.test')['records']}
        expect('SPF', records['home.test', 'TXT'], 'v=spf1 mx ip4:127.0.0.5 -all')
        expect('address', records['mx.post.test', 'A'], '127.0.0.5')
        expect('SRS', (records['bounces.test', 'TXT'], records['bounces.test', 'MX']), ('v=spf1 mx ip4:127.0.0.5 -all', '10 mx.post.test.'))
        expect('DMARC', records['_dmarc.home.test', 'TXT'], 'v=DMARC1; p=none; rua=mailto:dmarc@reports.test')
        expect('agreement', records['home.test._report._dmarc.reports.test', 'TXT'], 'v=DMARC1')
        key = os.path.join(s.p.dir, 'next.pem')
        subprocess.run(['openssl', 'ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', key], check=True)
        tlsa = [r['value'] for r in s.records('--next-key', key) if r['type'] == 'TLSA']
        der = subprocess.run(['openssl', 'pkey', '-in', key, '-pubout', '-outform', 'DER'], check=True, capture_output=True).stdout
        import hashlib
        expect('next key', tlsa[1], '3 1 1 ' + hashlib.sha256(der).hexdigest())
        assert len(tlsa) == 2 and tlsa[0] != tlsa[1]
        s.p.cli('domain', 'add', 'second.test', '--no-keys')
        r = subprocess.run([PROGRAM, '--config', s.p.conf, 'domain', 'check', '--all', '--json'], capture_output=True, text=True,
                           env=s.p.environment)
        expect('all', [d['domain'] for d in json.loads(r.stdout)['domains']], ['home.test', 'second.test'])
        expect('exit code', r.returncode, 1)
        for args in (['domain', 'check'], ['domain', 'check', 'home.test', '--all']):
            r = subprocess.run([PROGRAM, '--config', s.p.conf, *args], capture_output=True, env=s.p.environment)
            expect(args, r.returncode, 2)
        for bad in (['--address', 'nonsense'], ['--next-key', '/nonexistent']):
            r = subprocess.run([PROGRAM, '--config', s.p.conf, 'domain', 'dns', 'home.test', *bad], capture_output=True, env=s.p.environment)
            expect(bad, r.returncode != 0, True)


if __name__ == '__main__':
    sys.exit(run_cases(sys.argv[1:]))
