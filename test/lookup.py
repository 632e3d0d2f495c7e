#!/usr/bin/env python3
"""`posthouse lookup` against a zone made here: what it finds, what it says, its exit codes, both languages.

    test/lookup.py
"""
import json, os, subprocess, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from posthouse import PROGRAM, Instance
from tally import check, result
from zone import Zone

ED25519 = '11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo='  # RFC 8463 appendix A
DIGEST = 'ab' * 32
ZONE = [
    'a.test MX 20 gone.a.test', 'a.test MX 10 mx.a.test', 'a.test MX 30 alias.a.test',
    'mx.a.test A 192.0.2.1', 'mx.a.test AAAA 2001:db8::1', 'alias.a.test CNAME mx.a.test',
    'null.test MX 0 .', 'plain.test A 192.0.2.9', 'broken.test SERVFAIL',
    'xn--bcher-kva.test MX 10 mx.a.test',
    '1.2.0.192.in-addr.arpa PTR mx.a.test', '2.2.0.192.in-addr.arpa PTR mx.a.test',
    'a.test TXT v=spf1 mx include:b.test redirect=c.test', 'b.test TXT v=spf1 ip4:198.51.100.0/24 -all',
    'c.test TXT v=spf1 exists:%{l}.c.test ?a:mx.a.test/30 -all exp=why.c.test', 'why.c.test TXT not from %{i}',
    'bad.test TXT v=spf1 ip4:1.2.3 -all', 'slow.test TXT v=spf1 include:broken.test -all',
    'helo.test TXT v=spf1 a -all', 'helo.test A 192.0.2.8',
    # Lists: one that works, one that answers an error, one that lists all, one that is dead, one that was sold.
    '2.0.0.127.good.test A 127.0.0.2', '1.2.0.192.good.test A 127.0.0.4', '1.2.0.192.good.test TXT see http://good.test/',
    '1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.good.test A 127.0.0.3',
    '2.0.0.127.clear.test A 127.0.0.2', '1.2.0.192.public.test A 127.255.255.254', '2.0.0.127.public.test A 127.255.255.254',
    '2.0.0.127.wild.test A 127.0.0.2', '1.0.0.127.wild.test A 127.0.0.2', '1.2.0.192.wild.test A 127.0.0.2',
    '1.2.0.192.dead.test SERVFAIL', '2.0.0.127.dead.test SERVFAIL', '1.0.0.127.dead.test SERVFAIL',
    '1.2.0.192.sold.test A 203.0.113.5',
    'test.names.test A 127.0.1.2', 'a.test.names.test A 127.0.1.2',
    f'_25._tcp.mx.a.test TLSA 3 1 1 {DIGEST}', f'_25._tcp.mx.a.test TLSA 1 0 1 {DIGEST}', '_465._tcp.mx.a.test TLSA 3 1 2 ab',
    '_smtp._tls.a.test TXT v=TLSRPTv1; rua=mailto:r@a.test, ftp:x', '_smtp._tls.two.test TXT v=TLSRPTv1; rua=mailto:r@a.test',
    '_smtp._tls.two.test TXT v=TLSRPTv1; rua=mailto:s@a.test', '_smtp._tls.bad.test TXT v=TLSRPTv1; hello',
    '_mta-sts.a.test TXT v=STSv1; id=77;', '_mta-sts.bad.test TXT v=STSv1; id=;',
    '_dmarc.a.test TXT v=DMARC1; p=reject; sp=none; rua=mailto:d@a.test,mailto:d@b.test', 'sub.a.test A 192.0.2.3',
    '_dmarc.own.a.test TXT v=DMARC1; p=quarantine; adkim=s', '_dmarc.bad.test TXT v=DMARC1; p=maybe',
    f's1._domainkey.a.test TXT v=DKIM1; k=ed25519; t=y; p={ED25519}', 's2._domainkey.a.test TXT v=DKIM1; p=',
    's3._domainkey.a.test TXT v=DKIM1; k=rsa; p=AAAA', f's4._domainkey.a.test TXT v=DKIM1; k=ed25519; h=sha1; p={ED25519}',
]

class Asking:
    def __init__(self, instance):
        self.p = instance

    def run(self, *words, lang='en'):
        r = subprocess.run([PROGRAM, '--config', self.p.conf, '--lang', lang, 'lookup', *words], capture_output=True,
                           text=True, timeout=120)
        return r.returncode, r.stdout, r.stderr

    def text(self, words, code, *parts, lang='en'):
        """Exit code, and each part occurs in the output."""
        got, out, complaint = self.run(*words, lang=lang)
        out += complaint
        missing = [p for p in parts if p not in out]
        check(f'{" ".join(words)} ({lang})', got == code and not missing, f'exit {got}, not {code}; missing {missing} in\n{out}')

    def json(self, words, code, **want):
        got, out, complaint = self.run(*words, '--json')
        answer = json.loads(out)
        wrong = {k: answer.get(k) for k, v in want.items() if answer.get(k) != v}
        check(f'{" ".join(words)} --json', got == code and not wrong, f'exit {got}, not {code}; {wrong}, not {want}; {complaint}')
        return answer


def hosts(ask):
    ask.text(['mx', 'a.test'], 0, '10  mx.a.test', '192.0.2.1', 'does not exist', 'an alias: not allowed')
    ask.text(['mx', 'a.test'], 0, '优先级', '不存在', '是别名', lang='zh')
    ask.text(['mx', 'null.test'], 3, 'takes no mail', 'null MX')
    ask.text(['mx', 'plain.test'], 0, 'no MX record', '192.0.2.9')
    ask.text(['mx', 'nowhere.test'], 3, 'does not exist')
    ask.text(['mx', 'broken.test'], 75, 'broken.test')
    ask.text(['mx', 'bücher.test'], 0, 'bücher.test', 'mx.a.test')
    ask.text(['mx', 'not a domain'], 2, 'is not a domain name')
    answer = ask.json(['mx', 'A.test.'], 0, domain='a.test', null_mx=False, implicit=False, status='ok', secure=False)
    check('hosts in order', [h['host'] for h in answer['hosts']] == ['mx.a.test', 'gone.a.test', 'alias.a.test'], answer)
    ask.text(['ptr', '192.0.2.1'], 0, 'mx.a.test leads back to 192.0.2.1')
    ask.text(['ptr', '192.0.2.2'], 1, 'does not lead back', 'No name leads back')
    ask.text(['ptr', '192.0.2.3'], 3, 'has no name')
    ask.text(['ptr', 'a.test'], 2, 'is not an IP address')
    answer = ask.json(['ptr', '192.0.2.2'], 1, ip='192.0.2.2')
    check('names', [(n['name'], n['verified']) for n in answer['names']] == [('mx.a.test', 'no')], answer)
    ask.text(['txt', 'why.c.test'], 0, '"not from %{i}"')
    ask.text(['txt', 'mx.a.test'], 3, 'has no text records')
    ask.json(['txt', 'nowhere.test'], 3, status='nxdomain', texts=[])


def spf(ask):
    ask.text(['spf', '192.0.2.1', 'u@a.test'], 0, 'mx  matches: pass', 'Decided by mx in the record of a.test', '1 of 10')
    ask.text(['spf', '2001:db8::1', 'a.test'], 0, 'postmaster@a.test', 'pass')
    ask.text(['spf', '198.51.100.3', 'u@a.test'], 0, 'include:b.test  leads to', '    b.test: v=spf1')
    ask.text(['spf', '198.51.100.3', 'u@a.test'], 0, '转到', '授权', '由 a.test 的记录中的 include:b.test 决定', lang='zh')
    ask.text(['spf', '203.0.113.1', 'u@a.test'], 1, 'fail', '(u.c.test)', 'without an answer: 1 of 2', 'not from 203.0.113.1')
    ask.text(['spf', '192.0.2.2', 'u@a.test'], 1, 'neutral', 'Decided by ?a:mx.a.test/30 in the record of c.test')
    ask.text(['spf', '192.0.2.1', 'u@bad.test'], 1, 'permerror', 'ip4:1.2.3: not an IP address')
    ask.text(['spf', '192.0.2.1', 'u@bad.test'], 1, 'bad.test：ip4:1.2.3：不是 IP 地址', lang='zh')
    ask.text(['spf', '192.0.2.1', 'u@slow.test'], 75, 'temperror')
    ask.text(['spf', '192.0.2.1', 'u@mx.a.test'], 3, 'none')
    ask.text(['spf', '192.0.2.8', '<>', '--helo', 'helo.test'], 0, 'checked (HELO): postmaster@helo.test')
    ask.text(['spf', '192.0.2.8', '<>'], 2, '--helo')
    answer = ask.json(['spf', '203.0.113.1', 'u@a.test'], 1, result='fail', mechanism='-all', record_domain='c.test', scope='mailfrom',
                      lookups=5, void_lookups=1, owner_explanation='not from 203.0.113.1')
    check('steps', [s['event'] for s in answer['steps']][:5] == ['record', 'no-match', 'descend', 'record', 'no-match'], answer)


def lists(ask):
    zones = 'good.test,clear.test public.test wild.test dead.test sold.test'
    answer = ask.json(['rbl', '192.0.2.1', '--zone', zones, '--test'], 1, subject='192.0.2.1')
    got = {r['zone']: (r['state'], r['code'], r['test']) for r in answer['lists']}
    check('lists', got == {'good.test': ('listed', '127.0.0.4', 'good'), 'clear.test': ('clear', '', 'good'),
                           'public.test': ('error', '127.255.255.254', 'lists-nothing'),
                           'wild.test': ('listed', '127.0.0.2', 'lists-everything'), 'dead.test': ('unknown', '', 'unknown'),
                           'sold.test': ('error', '203.0.113.5', 'lists-nothing')}, got)
    ask.text(['rbl', '192.0.2.1', '--zone', zones, '--test'], 1, 'on 1 of 6 lists; 4 of them', 'public resolver', 'it lists everything',
             'see http://good.test/', 'outside of 127.0.0.0/8')
    ask.text(['rbl', '192.0.2.1', '--zone', 'public.test'], 75, 'error of the list, no listing', 'on 0 of 1')
    ask.text(['rbl', '192.0.2.1', '--zone', 'public.test'], 75, '不算列入', lang='zh')
    ask.text(['rbl', '192.0.2.1', '--zone', 'clear.test'], 0, 'not listed', 'on 0 of 1')
    ask.text(['rbl', '2001:db8::1', '--zone', 'good.test'], 1, 'listed (127.0.0.3)')
    ask.text(['rbl', 'a.test', '--zone', 'names.test', '--test'], 1, 'listed (127.0.1.2)', 'as they should be')
    ask.text(['rbl', 'b.test', '--zone', 'names.test'], 0, 'not listed')
    # Those of the configuration, each for what it is.
    answer = ask.json(['rbl', '192.0.2.1'], 75)
    got = {r['list']: (r['zone'], r['state'], r['white']) for r in answer['lists']}
    check('configured lists', got == {'first': ('good.test', 'clear', False), 'errors': ('public.test', 'error', False),
                                      'friends': ('wild.test', 'listed', True)}, got)
    ask.text(['rbl', 'a.test'], 1, 'names.test: listed')


def transport(ask):
    ask.text(['tlsa', 'mx.a.test'], 1, '_25._tcp.mx.a.test', 'DANE-EE', 'SHA-256', 'not for mail', 'trust_anchor')
    ask.text(['tlsa', 'mx.a.test:465'], 1, '_465._tcp.mx.a.test', 'wrong length')
    ask.text(['tlsa', 'mx.a.test:26'], 3, 'announces no certificate for port 26')
    ask.text(['tlsa', 'mx.a.test:0'], 2, '1 to 65535')
    answer = ask.json(['tlsa', 'mx.a.test'], 1, secure=False)
    got = sorted((r['usage'], r['selector'], r['matching'], r['data'], r['usable']) for r in answer['records'])
    check('tlsa records', got == [(1, 0, 1, DIGEST, False), (3, 1, 1, DIGEST, True)], got)
    ask.text(['tlsrpt', 'a.test'], 0, 'mailto:r@a.test', 'ftp:x: neither')
    ask.text(['tlsrpt', 'two.test'], 1, '2 records')
    ask.text(['tlsrpt', 'bad.test'], 1, 'malformed')
    ask.text(['tlsrpt', 'b.test'], 3, 'wants no reports')
    ask.text(['mta-sts', 'b.test'], 3, 'no MTA-STS record')
    ask.text(['mta-sts', 'bad.test'], 1, 'malformed')
    ask.text(['mta-sts', 'a.test'], 1, 'id: 77', 'cannot be used')


def keys_and_policies(ask):
    ask.text(['dkim', 's1', 'a.test'], 0, 'ed25519', 'testing (t=y): yes', 'can be used')
    ask.text(['dkim', 's2', 'a.test'], 1, 'revoked')
    ask.text(['dkim', 's3', 'a.test'], 1, 'no RSA key')
    ask.text(['dkim', 's4', 'a.test'], 1, 'leaves out sha256')
    ask.text(['dkim', 's9', 'a.test'], 3, 'no key at s9._domainkey.a.test')
    ask.text(['dkim', 's2', 'a.test'], 1, '已撤销', lang='zh')
    ask.json(['dkim', 's1', 'a.test'], 0, type='ed25519', bits=256, testing=True, same_domain=False)
    ask.text(['dmarc', 'a.test'], 0, 'policy: reject', 'organisational domain: a.test', 'b.test has not agreed')
    ask.text(['dmarc', 'sub.a.test'], 0, 'policy: none', '_dmarc.sub.a.test: no record')
    ask.text(['dmarc', 'own.a.test'], 0, 'policy: quarantine', 'alignment of DKIM: strict')
    ask.text(['dmarc', 'b.test'], 3, 'No DMARC policy')
    ask.text(['dmarc', 'a.test'], 0, '组织域：a.test', '拒收', lang='zh')
    ask.json(['dmarc', 'sub.a.test'], 0, policy='none', record_domain='a.test', organisational_domain='a.test',
             rua=['mailto:d@a.test', 'mailto:d@b.test'])


def main():
    zone = Zone(ZONE)
    config = ['[dns]', 'mode = forward', f'servers = 127.0.0.1@{zone.port}', 'timeout = 5s',
              '[dnsbl "first"]', 'zone = good.test', 'weights = 127.0.0.9 2',
              '[dnsbl "errors"]', 'zone = public.test', '[dnsbl "friends"]', 'zone = wild.test', 'type = dnswl',
              '[dnsbl "names"]', 'zone = names.test', 'type = domain', '[dnsbl "off"]', 'zone = clear.test', 'enabled = no']
    with Instance(config=config) as p:
        ask = Asking(p)
        for part in (hosts, spf, lists, transport, keys_and_policies):
            part(ask)
    zone.stop()
    return result()


sys.exit(main())
