#!/usr/bin/env python3
"""Mail to real Postfix and Exim receivers by DANE and MTA-STS, with right, wrong and missing records.

    test/safe_transport.py [--only WORDS_IN_NAMES | --part memory|requiretls|off|required|bounce|refresh]

A root zone of its own, signed, with signed, unsigned and broken zones below (test/lib/signed_dns.py); receivers on several
loopback addresses with good, foreign, expired and no certificates; a web server of policies on port 443 of another one.
Each case: delivered or deferred, what the trace says, and what is counted for TLS reports. Needs root, overlayfs, nsd and
ldnsutils, and says so otherwise.
"""
import argparse, base64, http.server, os, smtplib, socket, sqlite3, ssl, sys, tempfile, threading, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
import peers
from posthouse import Instance, free_port, wait_until
from signed_dns import SignedDns
from testca import Authority

GOOD, SELF, CLEAR, EXPIRED, EXIM, OTHER, STRICT, WEB, NOWHERE = (f'127.0.77.{n}' for n in (1, 2, 3, 4, 5, 6, 7, 100, 101))

POSTFIX = 'default_transport = discard:\nsmtpd_peername_lookup = no\n'
SERVICE = '''{ip}:{port} inet n  -  y  -  -  smtpd
  -o syslog_name=postfix/{name} -o smtpd_tls_security_level={level} -o smtpd_tls_cert_file={cert} -o smtpd_tls_key_file={key}
'''
EXIM_CONF = '''primary_hostname = exim.test
local_interfaces = 127.0.0.1.{own} : {ip}.{port}
acl_smtp_rcpt = all
host_lookup =
rfc1413_query_timeout = 0s
tls_advertise_hosts = *
tls_certificate = /etc/peer-cert.pem
tls_privatekey = /etc/peer-exim-key.pem
log_file_path = /var/log/exim4/%slog
begin acl
all:
  accept
begin routers
all:
  driver = redirect
  data = :blackhole:
'''


class Case:
    """`hosts`: (name, address, [TLSA data]) in order of preference. want: 'delivered' or 'deferred'. trace: words of one line of the
    trace. counted: {(policy type, failure or ''): sessions}."""

    def __init__(self, name, hosts, want, trace, counted, zone='test', extra=(), sts=None):
        self.name, self.hosts, self.want, self.trace, self.counted = name, hosts, want, trace, counted
        self.zone, self.extra, self.sts = zone, list(extra), sts
        self.domain = f'{name}.{zone}'
        self.rcpt = f'someone@{self.domain}'

    def lines(self, port):
        for n, (host, ip, tlsa) in enumerate(self.hosts):
            yield f'{self.domain}. IN MX {10 * n + 10} {host}.'
            if ip:
                yield f'{host}. IN A {ip}'
            for data in tlsa:
                yield f'_{port}._tcp.{host}. IN TLSA {data}'
        if self.sts is not None:
            yield f'_mta-sts.{self.domain}. IN TXT "v=STSv1; id={self.sts.get("id", 1)};"'
            yield f'mta-sts.{self.domain}. IN A {self.sts.get("ip", WEB)}'
        yield from self.extra


def policy(mode, *mx, age=86400):
    return f'version: STSv1\r\nmode: {mode}\r\n' + ''.join(f'mx: {m}\r\n' for m in mx) + f'max_age: {age}\r\n'


def dane_cases(certs, port):
    good, selfsigned, expired, ca = (certs[k] for k in ('good', 'self', 'expired', 'ca'))
    wrong = '3 1 1 ' + '00' * 32

    def one(name, ip, tlsa, want, trace, failure=None, kind='tlsa', **kw):
        counted = {} if failure is None else {(kind, failure): 1}
        return Case(name, [(f'{name}.mx.test', ip, tlsa)], want, trace, counted, **kw)

    yield from (one(f'dane-{u}{s}{m}', GOOD, [(good if u == 3 else ca).tlsa(u, s, m)], 'delivered', ' dane"', '')
                for u, s, m in ((3, 1, 1), (3, 0, 1), (3, 1, 2), (3, 1, 0), (3, 0, 0), (2, 1, 1), (2, 0, 1), (2, 0, 2)))
    yield one('exim-311', EXIM, [good.tlsa(3, 1, 1)], 'delivered', ' dane"', '')
    yield one('exim-wrong', EXIM, [wrong], 'deferred', 'DANE: tls: the certificate is not trusted', 'validation-failure')
    yield one('wrong', GOOD, [wrong], 'deferred', 'failed dane: validation-failure', 'validation-failure')
    yield one('missing', GOOD, [], 'delivered', 'verified"', '', 'no-policy-found')
    yield one('selfsigned-311', SELF, [selfsigned.tlsa(3, 1, 1)], 'delivered', ' dane"', '')
    yield one('selfsigned-missing', SELF, [], 'delivered', 'TLS_AES_256_GCM_SHA384"', '', 'no-policy-found')
    yield one('expired-311', EXPIRED, [expired.tlsa(3, 1, 1)], 'delivered', ' dane"', '')
    yield one('expired-211', EXPIRED, [ca.tlsa(2, 1, 1)], 'deferred', 'failed dane: certificate-expired', 'certificate-expired')
    yield one('othername-311', OTHER, [certs['other'].tlsa(3, 1, 1)], 'delivered', ' dane"', '')
    yield one('othername-211', OTHER, [ca.tlsa(2, 1, 1)], 'deferred', 'failed dane: certificate-host-mismatch', 'certificate-host-mismatch')
    yield one('stripped', CLEAR, [good.tlsa(3, 1, 1)], 'deferred', 'DANE: tls: required, but the peer does not offer STARTTLS', 'starttls-not-supported')
    yield one('stripped-missing', CLEAR, [], 'delivered', 'host=stripped-missing.mx.test', 'starttls-not-supported', 'no-policy-found')
    yield one('rollover', GOOD, [wrong, good.tlsa(3, 1, 1)], 'delivered', ' dane"', '')
    yield one('unusable', SELF, ['1 1 1 ' + '00' * 32, '3 1 9 00'], 'delivered', 'dane-unusable (tlsa-invalid)', 'tlsa-invalid')
    yield one('unusable-stripped', CLEAR, ['0 0 1 ' + '00' * 32], 'deferred', 'does not offer STARTTLS', 'starttls-not-supported')
    yield one('excepted', GOOD, [wrong], 'delivered', 'verified"', '', 'no-policy-found')
    yield Case('two-hosts', [('two1.mx.test', GOOD, [wrong]), ('two2.mx.test', EXIM, [good.tlsa(3, 1, 1)])], 'delivered', 'host=two2.mx.test',
               {('tlsa', 'validation-failure'): 1, ('tlsa', ''): 1})
    cname = ['alias{n}.mx.test. IN CNAME real{n}.mx.test.', 'real{n}.mx.test. IN A ' + GOOD]
    yield Case('alias-target', [('alias1.mx.test', None, [])], 'delivered', ' dane"', {('tlsa', ''): 1},
               extra=[l.format(n=1) for l in cname] + [f'_{port}._tcp.real1.mx.test. IN TLSA {good.tlsa(3, 1, 1)}'])
    yield Case('alias-itself', [('alias2.mx.test', None, [])], 'delivered', ' dane"', {('tlsa', ''): 1},
               extra=[l.format(n=2) for l in cname] + [f'_{port}._tcp.alias2.mx.test. IN TLSA {good.tlsa(3, 1, 1)}'])
    # A secure alias into an unsigned zone: its own record counts (RFC 7672 2.2.2).
    yield Case('alias-out', [('alias3.mx.test', None, [])], 'deferred', 'failed dane: validation-failure', {('tlsa', 'validation-failure'): 1},
               extra=['alias3.mx.test. IN CNAME good.mx.plain.test.', f'_{port}._tcp.alias3.mx.test. IN TLSA {wrong}'])
    # The domain's own name and the name its CNAME leads to are fine for usage 2 (RFC 7672 3.2.2).
    yield Case('nexthop', [('nexthop.elsewhere.test', OTHER, [ca.tlsa(2, 1, 1)])], 'delivered', ' dane"', {('tlsa', ''): 1})
    yield one('implicit', GOOD, [], 'delivered', ' dane"', '',
              extra=[])
    # Zones that are not signed, or broken.
    yield Case('unsigned', [('unsigned.mx.plain.test', GOOD, [wrong])], 'delivered', 'verified"', {('no-policy-found', ''): 1}, zone='plain.test')
    yield Case('unsigned-mx', [('unsignedmx.mx.test', GOOD, [wrong])], 'delivered', 'verified"', {('no-policy-found', ''): 1}, zone='plain.test')
    yield Case('bogus-mx', [('bogus1.mx.test', GOOD, [good.tlsa(3, 1, 1)])], 'deferred', 'DNS:', {}, zone='bogus.test')
    yield Case('bogus-tlsa', [('bogus2.bogus.test', GOOD, [good.tlsa(3, 1, 1)])], 'deferred', 'DANE: TLSA records cannot be looked up',
               {('tlsa', 'dnssec-invalid'): 1})


def sts_cases():
    def one(name, ip, sts, want, trace, failure=None, kind='sts', host=None):
        counted = {} if failure is None else {(kind, failure): 1}
        return Case(name, [(host or f'{name}.mx.plain.test', ip, [])], want, trace, counted, zone='plain.test', sts=sts)
    any_host = '*.mx.plain.test'
    yield one('sts-right', GOOD, {'text': policy('enforce', any_host)}, 'delivered', 'verified mta-sts"', '')
    yield one('sts-exim', EXIM, {'text': policy('enforce', any_host)}, 'delivered', 'verified mta-sts"', '')
    yield one('sts-selfsigned', SELF, {'text': policy('enforce', any_host)}, 'deferred', 'MTA-STS: tls: the certificate is not trusted', 'certificate-not-trusted')
    yield one('sts-othername', OTHER, {'text': policy('enforce', any_host)}, 'deferred', 'failed mta-sts: certificate-host-mismatch', 'certificate-host-mismatch')
    yield one('sts-expired', EXPIRED, {'text': policy('enforce', any_host)}, 'deferred', 'failed mta-sts: certificate-expired', 'certificate-expired')
    yield one('sts-stripped', CLEAR, {'text': policy('enforce', any_host)}, 'deferred', 'MTA-STS: tls: required', 'starttls-not-supported')
    yield one('sts-mx', GOOD, {'text': policy('enforce', 'other.example')}, 'deferred', "is not among the hosts of sts-mx.plain.test's policy", 'validation-failure')
    yield one('sts-testing', SELF, {'text': policy('testing', any_host)}, 'delivered', 'mta-sts-testing (certificate-not-trusted)', 'certificate-not-trusted')
    yield one('sts-testing-mx', GOOD, {'text': policy('testing', 'other.example')}, 'delivered', 'mta-sts-testing (validation-failure)', 'validation-failure')
    yield one('sts-testing-clear', CLEAR, {'text': policy('testing', any_host)}, 'delivered', 'none mta-sts-testing (starttls-not-supported)', 'starttls-not-supported')
    yield one('sts-none', SELF, {'text': policy('none')}, 'delivered', 'TLS_AES_256_GCM_SHA384"', '', 'no-policy-found')
    yield one('sts-unreachable', SELF, {'ip': NOWHERE}, 'delivered', 'mta-sts-testing (sts-policy-fetch-error)', 'sts-policy-fetch-error')
    yield one('sts-404', SELF, {}, 'delivered', 'sts-policy-fetch-error', 'sts-policy-fetch-error')
    yield one('sts-type', SELF, {'text': policy('enforce', any_host), 'type': 'text/html'}, 'delivered', 'sts-policy-fetch-error', 'sts-policy-fetch-error')
    yield one('sts-redirect', SELF, {'redirect': 'https://mta-sts.sts-right.plain.test/.well-known/mta-sts.txt'}, 'delivered', 'sts-policy-fetch-error', 'sts-policy-fetch-error')
    yield one('sts-invalid', SELF, {'text': 'nothing\n'}, 'delivered', 'sts-policy-invalid', 'sts-policy-invalid')
    yield one('sts-huge', SELF, {'text': policy('enforce', any_host) + 'x: ' + 'y' * 70000}, 'delivered', 'sts-policy-invalid', 'sts-policy-invalid')
    yield one('sts-webpki', SELF, {'text': policy('enforce', any_host), 'bad_cert': True}, 'delivered', 'sts-webpki-invalid', 'sts-webpki-invalid')


class PolicyServer:
    """https://mta-sts.DOMAIN/.well-known/mta-sts.txt for all domains, with the certificate that each case wants."""

    def __init__(self, certs, cases):
        self.sites, self.asked, self.alive = {f'mta-sts.{c.domain}': c.sts for c in cases}, [], True
        contexts = {}
        for name, cert in (('web', certs['web']), ('self', certs['self'])):
            contexts[name] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            contexts[name].load_cert_chain(cert.cert, cert.key)

        def choose(sock, name, context):
            if self.sites.get(name, {}).get('bad_cert'):
                sock.context = contexts['self']
        contexts['web'].sni_callback = choose
        try:
            self.server = http.server.ThreadingHTTPServer((WEB, 443), self.handler(), bind_and_activate=True)
        except OSError as e:
            raise peers.Unavailable(f'port 443 of {WEB}: {e.strerror}') from None
        self.server.daemon_threads = True
        self.server.handle_error = lambda request, address: None  # clients that do not like a certificate are part of the test
        self.server.socket = contexts['web'].wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def handler(outer):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                host = self.headers['Host']
                outer.asked.append(host)
                site = outer.sites.get(host) or {}
                text = site.get('text') if outer.alive and self.path == '/.well-known/mta-sts.txt' else None
                if 'redirect' in site:
                    self.send_response(302)
                    self.send_header('Location', site['redirect'])
                else:
                    self.send_response(200 if text is not None else 404)
                self.send_header('Content-Type', site.get('type', 'text/plain; charset=utf-8'))
                self.end_headers()
                self.wfile.write((text or '').encode())

            def log_message(self, *args):
                pass
        return Handler

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class StrictServer:
    """A receiver that offers REQUIRETLS (neither Postfix nor Exim of Debian 12 does): notes each connection's MAIL commands."""

    def __init__(self, ip, port, cert):
        self.connections = []
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(cert.cert, cert.key)
        self.sock = socket.create_server((ip, port))
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                sock, _ = self.sock.accept()
            except OSError:
                return
            self.connections.append([])
            threading.Thread(target=self.serve, args=(sock, self.connections[-1]), daemon=True).start()

    def serve(self, sock, mails):
        sock.sendall(b'220 strict.test\r\n')
        f, secure = sock.makefile('rb'), False
        for line in f:
            word = line.split()[0].upper() if line.split() else b''
            if word == b'EHLO':
                sock.sendall(b'250-strict.test\r\n' + (b'250 REQUIRETLS\r\n' if secure else b'250 STARTTLS\r\n'))
            elif word == b'STARTTLS':
                sock.sendall(b'220 go\r\n')
                sock = self.context.wrap_socket(sock, server_side=True)
                f, secure = sock.makefile('rb'), True
                self.serve_secure(sock, f, mails)
                return
            elif word == b'QUIT':
                return
            else:
                sock.sendall(b'530 STARTTLS first\r\n')

    def serve_secure(self, sock, f, mails):
        for line in f:
            word = line.split()[0].upper() if line.split() else b''
            if word == b'MAIL':
                mails.append(b'REQUIRETLS' in line.upper())
            if word == b'EHLO':
                sock.sendall(b'250-strict.test\r\n250 REQUIRETLS\r\n')
            elif word == b'DATA':
                sock.sendall(b'354 go\r\n')
                while f.readline() not in (b'.\r\n', b''):
                    pass
                sock.sendall(b'250 taken\r\n')
            elif word == b'QUIT':
                sock.sendall(b'221 bye\r\n')
                return
            else:
                sock.sendall(b'250 fine\r\n')

    def stop(self):
        self.sock.close()


class Bench:
    """Everything that stands around the instance under test."""

    def __init__(self, directory):
        self.dir, self.port, self.stops = directory, free_port(), []
        ca = Authority(directory + '/ca')
        self.certs = {'ca': ca, 'good': ca.new('good', ['*.mx.test', '*.mx.plain.test', '*.test']), 'expired': ca.new('expired', ['*.mx.test', '*.mx.plain.test'], expired=True),
                      'other': ca.new('other', ['other.invalid', 'nexthop.test']), 'web': ca.new('web', ['*.plain.test', *(f'mta-sts.{c.domain}' for c in (*sts_cases(), *later_cases(), *requiretls_cases()))]),
                      'self': ca.new('self', ['self.invalid'], signed=False)}
        self.cases = [*dane_cases(self.certs, self.port), *sts_cases()]
        self.later = [*later_cases(), *requiretls_cases()]

    def start_receivers(self):
        c, files, services = self.certs, {}, ''
        for ip, name, level in ((GOOD, 'good', 'may'), (SELF, 'self', 'may'), (CLEAR, 'good', 'none'), (EXPIRED, 'expired', 'may'), (OTHER, 'other', 'may')):
            files[f'/etc/{name}.pem'], files[f'/etc/{name}.key'] = open(c[name].cert).read(), open(c[name].key).read()
            services += SERVICE.format(ip=ip, port=self.port, name=name, level=level, cert=f'/etc/{name}.pem', key=f'/etc/{name}.key')
        self.postfix = peers.postfix(c['good'].cert, c['good'].key, self.port, POSTFIX, services, files)
        self.stops.append(self.postfix.stop)
        root = peers.Root('exim4', 'exim4-daemon-light')
        peers.prepare(root, c['good'].cert, c['good'].key)
        own = free_port()
        root.write('/etc/exim4/exim4.conf', EXIM_CONF.format(own=own, ip=EXIM, port=self.port))
        root.write('/etc/peer-exim-key.pem', open(c['good'].key).read())
        root.run('sh', '-c', 'mkdir -p /var/log/exim4; chown -R Debian-exim /var/log/exim4 /var/spool/exim4')
        self.exim = peers.Server(root, ['exim4', '-bdf'], own)
        self.stops.append(self.exim.stop)
        self.strict = StrictServer(STRICT, self.port, c['good'])
        self.stops.append(self.strict.stop)

    def start_dns(self):
        self.dns = SignedDns(self.dir + '/dns')
        self.fill_dns()
        self.dns.start()
        self.stops.append(self.dns.stop)

    def fill_dns(self):
        zones = {'test': ['ns.test. IN A 127.0.0.1'], 'plain.test': [f'good.mx.plain.test. IN A {GOOD}'], 'bogus.test': []}
        for case in (*self.cases, *self.later):
            for line in case.lines(self.port):
                owner = line.split()[0].rstrip('.')
                zones[max((z for z in zones if owner.endswith('.' + z)), key=len)].append(line)
        self.dns.zone('test.', self.implicit(zones['test']), signed=True)
        self.dns.zone('plain.test.', zones['plain.test'], signed=False)
        self.dns.zone('bogus.test.', zones['bogus.test'], signed=True,
                      damage=[('bogus-mx.bogus.test.', 'MX'), (f'_{self.port}._tcp.bogus2.bogus.test.', 'TLSA')])

    def implicit(self, lines):
        """One domain without MX records: it is its own host."""
        kept = [l for l in lines if not l.startswith('implicit')]
        return kept + [f'implicit.test. IN A {GOOD}', f'_{self.port}._tcp.implicit.test. IN TLSA {self.certs["good"].tlsa(3, 1, 1)}']

    def start_web(self):
        self.web = PolicyServer(self.certs, [c for c in (*self.cases, *self.later) if c.sts is not None])
        self.stops.append(self.web.stop)

    def config(self):
        return ['[smtp "mx"]', 'trusted = 127.0.0.0/8', '[dns]', 'mode = forward', f'servers = 127.0.0.1@{self.dns.port}',
                f'trust_anchor = {self.dns.anchor}', '[delivery]', f'port = {self.port}', 'tls_exceptions = excepted.test', '[tls]', f'ca = {self.certs["ca"].cert}']

    def stop(self):
        for stop in reversed(self.stops):
            stop()


# ---- with an instance

def send(p, rcpts):
    with smtplib.SMTP('127.0.0.1', p.ports['mx'], 'client.test', timeout=30) as s:
        for rcpt in rcpts:
            s.sendmail('sender@post.test', [rcpt], f'Subject: for {rcpt}\r\n\r\nhello\r\n')


def events(p, rcpt, minimum=1):
    """The trace of the newest message for the recipient as text, once it has that many attempts' ends."""
    def look():
        text = p.cli('trace', '--to', rcpt, check=False)
        return text if text.count(' delivered') + text.count(' deferred') + text.count(' failed ') >= minimum else None
    return wait_until(f'an attempt for {rcpt}', 60, look, 0.2)


def counts(p, domain):
    """{(policy type, failure): sessions} as counted for TLS reports."""
    with sqlite3.connect(f'file:{p.dir}/data/db/report.sqlite?mode=ro', uri=True) as db:
        rows = db.execute('SELECT t.type, t.result, SUM(t.sessions) FROM report_tls t JOIN report_window w ON w.id = t.report '
                          'WHERE w.domain = ? AND w.kind = 1 GROUP BY t.type, t.result', [domain]).fetchall()
    return {(kind, result): n for kind, result, n in rows}


class Results:
    def __init__(self):
        self.passed = self.failed = 0

    def say(self, name, problem):
        if problem:
            self.failed += 1
            print(f'FAILED {name}: {problem}', flush=True)
        else:
            self.passed += 1
            print(f'ok {name}', flush=True)


def judge(case, text):
    outcome = 'deferred' if ' deferred' in text else 'delivered' if ' delivered' in text else 'failed'
    if outcome != case.want:
        return f'{outcome}, not {case.want}:\n{text}'
    if not any(case.trace in line for line in text.splitlines()):
        return f'no "{case.trace}" in\n{text}'
    return None


def run_matrix(b, results, only):
    cases = [c for c in b.cases if only in c.name]
    with Instance(config=b.config(), listeners=('mx',)) as p:
        p.start()
        send(p, [c.rcpt for c in cases])
        for c in cases:
            try:
                results.say(c.name, judge(c, events(p, c.rcpt)))
            except TimeoutError as e:
                results.say(c.name, str(e))
        p.stop()  # counts are on disk then
        for c in cases:
            got = counts(p, c.domain)
            results.say(c.name + ' counted', None if got == c.counted else f'{got}, not {c.counted}')


# ---- policies that outlive what would take them away

def later_cases():
    mx = '*.mx.plain.test'
    return [Case('kept', [('kept.mx.plain.test', SELF, [])], 'deferred', 'failed mta-sts: certificate-not-trusted', {}, zone='plain.test', sts={'text': policy('enforce', mx)}),
            Case('changed', [('changed.mx.plain.test', GOOD, [])], 'deferred', 'is not among the hosts', {}, zone='plain.test', sts={'text': policy('enforce', 'old.example')}),
            Case('short', [('short.mx.plain.test', SELF, [])], 'deferred', 'failed mta-sts', {}, zone='plain.test', sts={'text': policy('enforce', mx, age=1)})]


def run_memory(b, results):
    """The policy is kept through a restart, the web server's death and the record's disappearance; a new id brings the new policy;
    one that has ended and cannot be fetched holds nobody up."""
    kept, changed, short = later = b.later[:3]
    with Instance(config=b.config(), listeners=('mx',)) as p:
        p.start()
        send(p, [c.rcpt for c in later])
        for c in (kept, changed, short):
            results.say(c.name, judge(c, events(p, c.rcpt)))
        asked = b.web.asked.count('mta-sts.' + changed.domain)
        p.stop()
        b.web.alive = False
        kept.sts, old = None, kept.sts
        b.fill_dns()
        b.dns.reload()
        p.start()
        p.cli('queue', 'retry', '--domain', kept.domain, '--yes')
        results.say('kept without server and record', judge(kept, events(p, kept.rcpt, 2)))
        p.cli('queue', 'retry', '--domain', short.domain, '--yes')
        text = events(p, short.rcpt, 2)
        results.say('ended policy', None if ' delivered' in text and 'sts-policy-fetch-error' in text else text)
        p.cli('queue', 'retry', '--domain', changed.domain, '--yes')
        results.say('changed not yet', judge(changed, events(p, changed.rcpt, 2)))
        results.say('known id is not fetched again', None if b.web.asked.count('mta-sts.' + changed.domain) == asked else b.web.asked)
        p.stop()
        b.web.alive, kept.sts = True, old
        changed.sts.update(id=2, text=policy('enforce', 'changed.mx.plain.test'))
        b.fill_dns()
        b.dns.reload()
        p.start()
        p.cli('queue', 'retry', '--domain', changed.domain, '--yes')
        text = events(p, changed.rcpt, 3)
        results.say('changed', None if ' delivered' in text and 'verified mta-sts"' in text else text)


def requiretls_cases():
    return [Case('require', [('require.mx.test', STRICT, [])], 'delivered', '', {}),
            Case('nobody', [('nobody.mx.plain.test', STRICT, [])], 'delivered', '', {}, zone='plain.test'),
            Case('refresh', [('refresh.mx.plain.test', GOOD, [])], 'delivered', 'verified mta-sts"', {}, zone='plain.test',
                 sts={'text': policy('enforce', '*.mx.plain.test', age=110)}),
            Case('unable', [('unable.mx.test', GOOD, [])], 'delivered', '', {})]


def send_requiretls(p, rcpt):
    with smtplib.SMTP('127.0.0.1', p.ports['mx'], 'client.test', timeout=30) as s:
        s.starttls(context=ssl._create_unverified_context())
        s.sendmail('alice@local.test', [rcpt], 'Subject: secret\r\n\r\nhello\r\n', mail_options=['REQUIRETLS'])


def run_requiretls(b, results):
    """RFC 8689: a verified host with an authentic name, over a connection of its own where the open one was made for less; ordinary
    mail is not held up by what a message demands for itself."""
    require, nobody, refresh, unable = b.later[3:]
    with Instance(config=[*b.config(), '[delivery]', 'reuse_time = 60s', 'per_destination = 1', 'per_destination_start = 1'], listeners=('mx',)) as p:
        p.setup_command('domain add local.test')
        p.setup_command('account add alice@local.test')
        p.start()
        send(p, [require.rcpt])
        events(p, require.rcpt)
        send_requiretls(p, 'second@' + require.domain)
        text = events(p, 'second@' + require.domain)
        results.say('requiretls over a new connection', None if ' delivered' in text and b.strict.connections == [[False], [True]] else (text, b.strict.connections))
        send(p, ['third@' + require.domain])
        text = events(p, 'third@' + require.domain)
        results.say('ordinary mail over the strict connection',
                    None if ' delivered' in text and b.strict.connections == [[False], [True, False]] else (text, b.strict.connections))
        for case, why in ((nobody, 'vouches for'), (unable, 'does not offer REQUIRETLS')):
            send_requiretls(p, case.rcpt)
            text = events(p, case.rcpt)
            results.say(f'requiretls {case.name}', None if ' failed ' in text and 'status=5.7.30' in text and why in text else text)
            send(p, ['other@' + case.domain])
            text = events(p, 'other@' + case.domain)
            results.say(f'ordinary mail to {case.name}', None if ' delivered' in text else text)


class Refreshing:
    """A policy of short life is fetched again in the background, without mail that asks for it."""

    def __init__(self, b, results):
        self.b, self.results, self.case = b, results, next(c for c in b.later if c.name == 'refresh')
        self.p = Instance(config=b.config(), listeners=('mx',))
        self.p.start()
        send(self.p, [self.case.rcpt])
        self.results.say('refresh', judge(self.case, events(self.p, self.case.rcpt)))
        self.began = time.monotonic()

    def finish(self):
        def asked():
            return self.b.web.asked.count('mta-sts.' + self.case.domain)
        try:
            wait_until('the policy to be fetched again', 130 - (time.monotonic() - self.began), lambda: asked() > 1, 1)
            self.results.say('refreshed in the background', None)
        except TimeoutError as e:
            self.results.say('refreshed in the background', str(e))


def run_off(b, results):
    """Without DANE and MTA-STS everything is delivered; without trust anchor the log says why DANE is off."""
    wrong = next(c for c in b.cases if c.name == 'wrong')
    strict = next(c for c in b.cases if c.name == 'sts-selfsigned')
    with Instance(config=[*b.config(), '[delivery]', 'dane = no', 'mta_sts = no'], listeners=('mx',)) as p:
        p.start()
        send(p, [wrong.rcpt, strict.rcpt])
        for c in (wrong, strict):
            text = events(p, c.rcpt)
            results.say(c.name + ' switched off', None if ' delivered' in text and 'mta-sts' not in text else text)
    with Instance(config=[*b.config(), '[dns]', 'trust_anchor ='], listeners=('mx',)) as p:
        p.start()
        send(p, [wrong.rcpt])
        text = events(p, wrong.rcpt)
        results.say('no trust anchor', None if ' delivered' in text and p.log_tail().count('queue.dane_off') == 1 else text + p.log_tail())


def run_required(b, results):
    """tls = dane: only to hosts with TLSA records, by MX and by a route."""
    by_name = {c.name: c for c in b.cases}
    with Instance(config=[*b.config(), '[delivery]', 'tls = dane'], listeners=('mx',)) as p:
        p.setup_command(f'route add good --protocol smtp --hosts dane-311.mx.test:{b.port} --tls dane --match good.example')
        p.setup_command(f'route add bad --protocol smtp --hosts wrong.mx.test:{b.port} --tls dane --match bad.example')
        p.start()
        send(p, [by_name['dane-311'].rcpt, by_name['missing'].rcpt, 'x@good.example', 'x@bad.example'])
        for rcpt, word, trace in ((by_name['dane-311'].rcpt, ' delivered', ' dane"'), (by_name['missing'].rcpt, ' deferred', 'DANE is required'),
                                  ('x@good.example', ' delivered', ' dane"'), ('x@bad.example', ' deferred', 'failed dane: validation-failure')):
            text = events(p, rcpt)
            results.say(f'required {rcpt}', None if word in text and trace in text else text)


def run_bounce(b, results):
    """After its lifetime the mail comes back with an explanation in both languages."""
    with Instance(config=[*b.config(), '[queue]', 'lifetime = 60s', 'retry = 1s 1s'], listeners=('mx',)) as p:
        p.setup_command('domain add local.test')
        p.setup_command('account add alice@local.test')
        p.start()
        with smtplib.SMTP('127.0.0.1', p.ports['mx'], 'client.test', timeout=30) as s:
            s.sendmail('alice@local.test', ['x@wrong.test'], 'Subject: never\r\n\r\nhello\r\n')
        wait_until('the bounce', 120, lambda: len(p.mail('alice@local.test')) == 1, 1)
        text = p.wait_mail('alice@local.test', 1)
        whole = text + ''.join(decode(part) for part in text.split('\n\n'))
        results.say('bounce', None if 'Status: 5.4.7' in whole and 'could not be made or trusted' in whole and '加密连接' in whole else whole)


def decode(part):
    try:
        return base64.b64decode(part, validate=False).decode('utf-8', 'replace')
    except ValueError:
        return ''


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--only', default='')
    parser.add_argument('--part', default='')
    only, part_name = parser.parse_args().only, parser.parse_args().part
    results = Results()
    with tempfile.TemporaryDirectory(prefix='posthouse-transport-') as directory:
        os.chmod(directory, 0o755)
        try:
            b, refreshing = Bench(directory), None
            try:
                b.start_dns()
                b.start_receivers()
                b.start_web()
                if not part_name:
                    run_matrix(b, results, only)
                refreshing = Refreshing(b, results) if not only and part_name in ('', 'refresh') else None
                if not only:
                    for part in (run_memory, run_requiretls, run_off, run_required, run_bounce):
                        if part_name in part.__name__:
                            part(b, results)
                if refreshing:
                    refreshing.finish()
            finally:
                if refreshing:
                    refreshing.p.__exit__()
                b.stop()
        except peers.Unavailable as e:
            print(f'transport: skipped: {e}')
    print(f'{results.passed} passed, {results.failed} failed')
    return 1 if results.failed else 0


if __name__ == '__main__':
    sys.exit(main())
