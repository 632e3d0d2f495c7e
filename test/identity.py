#!/usr/bin/env python3
"""Others say who somebody is: a real directory server (OpenLDAP) with people, groups and passwords, and an issuer of tokens made here
(discovery, keys, introspection), with honest tokens and all kinds of forged ones.

    test/identity.py [WORD ...]     the cases whose names contain one of the words
"""
import base64, contextlib, http.server, imaplib, json, os, poplib, smtplib, ssl, subprocess, sys, threading, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
import jwt, slapd
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from posthouse import Instance, PASSWORD, PROGRAM, free_port, wait_until
from slapd import BASE, SECRET, group, person
from tally import case, run_cases

TLS = ssl._create_unverified_context()
LOCAL = 'admin@local.test' # our own account, whatever others say


def expect(good, what):
    if not good:
        raise AssertionError(what)


class Site(Instance):
    def __init__(self, *config):
        super().__init__(config=['[auth]', 'failure_delay = 0', 'failure_delay_max = 0', 'remember = 0', '[tls]', 'ca = CERT', *config],
                         listeners=(*self.LISTENERS, 'imaps', 'pop3s'))
        text = open(self.conf, encoding='utf-8').read().replace('= CERT', f'= {self.cert_file}')
        with open(self.conf, 'w', encoding='utf-8') as f:
            f.write(text)
        self.setup_command('domain add local.test')
        self.setup_command(f'account add {LOCAL}')

    def ask(self, *args, stdin=None):
        r = subprocess.run([PROGRAM, '--config', self.conf, *args], input=stdin, capture_output=True, text=True, timeout=120,
                           env=self.environment)
        return r.returncode, r.stdout + r.stderr

    def imap(self, who, password):
        m = imaplib.IMAP4_SSL('localhost', self.ports['imaps'], ssl_context=TLS, timeout=60)
        try:
            return m.login(who, password)[0]
        except imaplib.IMAP4.error as e:
            return str(e)
        finally:
            m.shutdown()

    def token(self, token, user='', mech='OAUTHBEARER'):
        """By IMAP: 'OK', or the whole refusal, the JSON of RFC 7628 first."""
        m = imaplib.IMAP4_SSL('localhost', self.ports['imaps'], ssl_context=TLS, timeout=60)
        said = []

        def answer(challenge):
            said.append(challenge.decode())
            if len(said) > 1:
                return b'\1'
            return (f'n,{"a=" + user if user else ""},\1auth=Bearer {token}\1\1' if mech == 'OAUTHBEARER' else f'user={user}\1auth=Bearer {token}\1\1').encode()
        try:
            return m.authenticate(mech, answer)[0]
        except imaplib.IMAP4.error as e:
            return ' '.join(said) + str(e)
        finally:
            m.shutdown()

    def smtp_token(self, token, user):
        with smtplib.SMTP('127.0.0.1', self.ports['submission'], timeout=60) as s:
            s.starttls(context=TLS)
            s.ehlo()
            return s.docmd('AUTH XOAUTH2', base64.b64encode(f'user={user}\1auth=Bearer {token}\1\1'.encode()).decode())[0]

    def addresses(self):
        return {a['address']: a for a in self.json('account', 'list')['accounts']}

    def why(self, login):
        return wait_until('its row', 5, lambda: [r['why'] for r in self.json('login', 'list', login)['logins'] if r['result'] == 'failed'])


# ---- directory servers

ANN, BOB, CAT = 'ann@local.test', 'bob@local.test', 'cat@local.test'
PEOPLE = (person('ann', 'Ann Example', 'anns secret', 'userPrincipalName: ann@corp.test\n') + person('bob', 'Bob (the) Builder*', 'bobs secret')
          + person('cat', 'Cat Gone', 'cats secret', 'userAccountControl: 514\n') + person('dan', 'Dan Elsewhere', 'x', mail='dan@elsewhere.test')
          + group('Builders', 'builders@local.test', f'cn=Bob (the) Builder*,{BASE}')
          + group('Staff', 'staff@local.test', f'cn=Ann Example,{BASE}', f'cn=Builders,{BASE}', f'cn=Computer 7,{BASE}'))


def ldap_section(*servers, **more):
    keys = {'servers': ' '.join(servers), 'base': BASE, 'bind_dn': slapd.ADMIN, 'bind_password': SECRET, 'sync_every': '0', 'remember': '0',
            'group_filter': '(&(objectClass=groupOfNames)(mail=*))', 'timeout': '2s', **more}
    return ['[ldap]', *(f'{k} = "{v}"' if k != 'servers' else f'{k} = {v}' for k, v in keys.items())]


@contextlib.contextmanager
def house(people=PEOPLE, *config, sync=True, **more):
    probe = Instance(listeners=())
    with slapd.Slapd(probe.cert_file, probe.key_file, people) as server:
        with Site(*ldap_section(f'ldap://127.0.0.1:{server.port}', **{'ca': probe.cert_file, **more}), *config) as p:
            if sync:
                p.cli('ldap', 'sync')
            p.start()
            yield p, server
    probe.stop()


@case
def people_log_in():
    with house() as (p, server):
        expect(p.imap(ANN, 'anns secret') == 'OK', 'her password')
        expect('AUTHENTICATIONFAILED' in p.imap(ANN, 'bobs secret'), 'of another')
        expect('AUTHENTICATIONFAILED' in p.imap(ANN, ''), 'an empty one would be an anonymous bind')
        expect(p.imap(BOB, 'bobs secret') == 'OK', 'a name full of signs')
        expect('AUTHENTICATIONFAILED' in p.imap(CAT, 'cats secret'), 'disabled there')
        expect(p.imap(LOCAL, PASSWORD) == 'OK', 'our own account')
        for name in ('*', '*@local.test', 'ann*', 'ann)(uid=*', 'ann\\2a@local.test', '*)(|(mail=*@local.test'):
            expect(p.imap(name.replace('\\', '\\\\'), 'anns secret') != 'OK', f'as {name}')
        code, text = p.ask('ldap', 'test', ANN, '--stdin', stdin='anns secret\n')
        expect(code == 0 and 'right' in text, text)
        code, text = p.ask('ldap', 'test', '*', '--stdin', stdin='anns secret\n')
        expect(code != 0, 'a star finds nobody')
        rows = wait_until('the log', 5, lambda: [r for r in p.json('login', 'list', ANN)['logins'] if r['result'] == 'ok'])
        expect([r['how'] for r in rows] == ['ldap'], f'{rows}')
        phone = p.json('app-password', 'add', ANN, 'phone')['password']
        expect(p.imap(ANN, phone) == 'OK', 'an application password')
        expect('cannot be used' not in p.log_tail(), 'nothing else')


@case
def the_directory_is_dead():
    """Our own accounts go on; others are told to come again, never that their password is wrong."""
    with house() as (p, server):
        phone = p.json('app-password', 'add', ANN, 'phone')['password']
        server.stop()
        for password in ('anns secret', 'wrong'):
            expect('UNAVAILABLE' in p.imap(ANN, password), p.imap(ANN, password))
        expect(p.imap(LOCAL, PASSWORD) == 'OK' and p.imap(ANN, phone) == 'OK', 'what is known here')
        expect(p.ask('ldap', 'sync')[0] == 75, 'synchronising')
        expect(not p.addresses()[ANN]['disabled'], 'nobody has gone')
        server.start()
        wait_until('it is back', 20, lambda: p.imap(ANN, 'anns secret') == 'OK')


@case
def several_servers_and_tls():
    probe = Instance(listeners=())
    with slapd.Slapd(probe.cert_file, probe.key_file, PEOPLE) as server:
        dead = free_port()
        with Site(*ldap_section(f'ldaps://localhost:{dead}', f'ldaps://127.0.0.1:{server.tls_port}', ca=probe.cert_file)) as p:
            p.cli('ldap', 'sync')
            p.start()
            expect(p.imap(ANN, 'anns secret') == 'OK', 'by the second')
            code, text = p.ask('ldap', 'test')
            expect(code != 0 and f':{server.tls_port}: answers, 4 people' in text and str(dead) in text, text)
        with Site(*ldap_section(f'ldaps://127.0.0.1:{server.tls_port}')) as p: # its certificate is of nobody we know
            expect(p.ask('ldap', 'sync')[0] == 75, 'a certificate that is not trusted')
        with Site(*ldap_section(f'ldap://127.0.0.1:{server.port}')) as p:
            expect(p.ask('ldap', 'sync')[0] == 75, 'nor after STARTTLS')
        with Site(*ldap_section(f'ldap://127.0.0.1:{server.port}', tls='no')) as p:
            expect(p.ask('ldap', 'sync')[0] == 0, 'in clear, where that is configured')
        with Site(*ldap_section(f'ldap://127.0.0.1:{server.port}', bind_password='wrong', tls='no')) as p:
            code, text = p.ask('ldap', 'sync')
            expect(code == 75 and 'redentials' in text, text)
    probe.stop()


@case
def people_and_groups_come_and_go():
    with house(sync=False) as (p, server):
        p.setup_command('account add bob@local.test') # before the directory knows of him here
        first = p.json('ldap', 'sync')
        expect((first['people'], first['added'], first['groups']) == (4, 2, 2), f'{first}')
        expect('bob@local.test: is an account of our own' in first['notes'] and 'elsewhere' in first['notes'], first['notes'])
        expect(p.addresses()[CAT]['disabled'] and not p.addresses()[ANN]['disabled'] and p.addresses()[ANN]['name'] == 'Ann Example', 'accounts')
        expect(p.imap(BOB, PASSWORD) == 'OK' and p.imap(BOB, 'bobs secret') != 'OK', 'our own Bob stays')
        again = p.json('ldap', 'sync')
        expect((again['added'], again['changed'], again['gone']) == (0, 0, 0), f'{again}')
        members = {m['member'] if 'member' in m else m.get('text', str(m)) for m in p.json('group', 'show', 'staff@local.test')['members']}
        expect(members == {ANN, 'builders@local.test'}, f'{members}')
        server.change(f'dn: cn=Ann Example,{BASE}\nchangetype: modify\nreplace: displayName\ndisplayName: Ann Other\n\n'
                      f'dn: cn=Cat Gone,{BASE}\nchangetype: modify\nreplace: userAccountControl\nuserAccountControl: 512\n\n'
                      f'dn: cn=Staff,{BASE}\nchangetype: modify\ndelete: member\nmember: cn=Ann Example,{BASE}\n\n')
        p.cli('ldap', 'sync')
        expect(p.addresses()[ANN]['name'] == 'Ann Other', 'a new name')
        expect(len(p.json('group', 'show', 'staff@local.test')['members']) == 1, 'who left a group')
        server.change(f'dn: cn=Ann Example,{BASE}\nchangetype: modrdn\nnewrdn: cn=Ann Married\ndeleteoldrdn: 1\n\n')
        p.cli('ldap', 'sync')
        expect(p.imap(ANN, 'anns secret') == 'OK', 'moved in the directory: the same person')
        server.change(f'dn: cn=Ann Married,{BASE}\nchangetype: delete\n\n')
        gone = p.json('ldap', 'sync')
        expect(gone['gone'] == 1 and p.addresses()[ANN]['disabled'], f'{gone}')
        expect(p.imap(ANN, 'anns secret') != 'OK', 'no login')
        server.change(person('ann', 'Ann Example', 'another ann').replace('dn: ', 'dn: ', 1).replace('\nobjectClass: inet', '\nchangetype: add\nobjectClass: inet', 1).strip() + '\n')
        other = p.json('ldap', 'sync')
        expect('ann@local.test: is an account of our own' in other['notes'] and p.imap(ANN, 'another ann') != 'OK',
               f'somebody new with an old address does not get the old mailbox: {other}')


@case
def the_brake():
    many = ''.join(person(f'user{i}', f'User {i}', 'x') for i in range(40))
    with house(many, '[alarm]', f'to = {LOCAL}', 'language = en') as (p, server):
        for i in range(10):
            server.change(f'dn: cn=User {i},{BASE}\nchangetype: delete\n\n')
        code, text = p.ask('ldap', 'sync')
        expect(code == 1 and 'brake' in text, text)
        expect(sum(a['disabled'] for a in p.addresses().values()) == 0, 'nobody was disabled')
        p.wait_mail(LOCAL, 1)
        expect('vanished' in p.mail(LOCAL)[0]['subject'], p.mail(LOCAL)[0]['subject'])
    for gone, there in (('disable', 41), ('delete', 31), ('keep', 41)):
        with house(many, brake='50', gone=gone) as (p, server):
            for i in range(10):
                server.change(f'dn: cn=User {i},{BASE}\nchangetype: delete\n\n')
            p.cli('ldap', 'sync')
            accounts = p.addresses().values()
            expect((len(accounts), sum(a['disabled'] for a in accounts)) == (there, 10 if gone == 'disable' else 0), f'{gone}: {len(accounts)}')


@case
def by_itself():
    """The server takes people over without being told, and many of them by pages."""
    with house(''.join(person(f'user{i}', f'User {i}', 'x') for i in range(1200)), sync=False, sync_every='1h') as (p, server):
        wait_until('1,200 people', 40, lambda: len(p.addresses()) == 1201, every=1)


# ---- issuers of tokens

class Issuer:
    def __init__(self, cert, key):
        self.keys = {'first': rsa.generate_private_key(public_exponent=65537, key_size=2048), 'ec': ec.generate_private_key(ec.SECP256R1()),
                     'ed': ed25519.Ed25519PrivateKey.generate()}
        self.hidden = {'second': rsa.generate_private_key(public_exponent=65537, key_size=2048)}
        self.small = rsa.generate_private_key(public_exponent=65537, key_size=1024)
        self.active, self.asked, self.fails = {}, {'keys': 0, 'introspect': 0}, False
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self, code, document):
                body = json.dumps(document).encode()
                self.send_response(code)
                self.send_header('Content-Type', 'application/json')
                self.send_header('Content-Length', str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                if issuer.fails:
                    self.answer(500, {})
                elif self.path == '/.well-known/openid-configuration':
                    self.answer(200, {'issuer': issuer.url, 'jwks_uri': issuer.url + '/keys'})
                elif self.path == '/keys':
                    issuer.asked['keys'] += 1
                    self.answer(200, issuer.jwks())
                else:
                    self.answer(404, {})

            def do_POST(self):
                issuer.asked['introspect'] += 1
                body = self.rfile.read(int(self.headers['Content-Length'])).decode()
                good = self.headers.get('Authorization') == 'Basic ' + base64.b64encode(b'posthouse:s%2Bcret').decode()
                token = dict(pair.split('=', 1) for pair in body.split('&')).get('token', '')
                self.answer(200 if good else 401, issuer.active.get(token, {'active': False}) if good else {})

            def log_message(self, *args):
                pass
        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f'https://localhost:{self.server.server_port}'
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def jwks(self):
        out = []
        for kid, key in {**self.keys, 'small': self.small}.items():
            algorithm = {'ec': jwt.algorithms.ECAlgorithm, 'ed': jwt.algorithms.OKPAlgorithm}.get(kid, jwt.algorithms.RSAAlgorithm)
            out.append({**json.loads(algorithm.to_jwk(key.public_key())), 'kid': kid, 'use': 'sig'})
        return {'keys': out + [{'kty': 'oct', 'kid': 'oct', 'k': 'c2VjcmV0'}, {'kty': 'EC', 'crv': 'P-256', 'kid': 'off', 'x': 'AA', 'y': 'AA'}]}

    def claims(self, **changes):
        now = int(time.time())
        c = {'iss': self.url, 'aud': 'mail', 'sub': '7', 'email': LOCAL, 'iat': now, 'exp': now + 600, **changes}
        return {k: v for k, v in c.items() if v is not None}

    def sign(self, alg='RS256', kid='first', key=None, headers=None, **changes):
        key = key or {**self.keys, **self.hidden}.get(kid)
        return jwt.encode(self.claims(**changes), key, algorithm=alg, headers={'kid': kid, **(headers or {})} if kid else headers)

    def close(self):
        self.server.shutdown()


@contextlib.contextmanager
def token_house(*config, fails=False):
    probe = Instance(listeners=())
    issuer = Issuer(probe.cert_file, probe.key_file)
    issuer.fails = fails  # its keys are fetched when the server starts
    try:
        with Site('[tls]', f'ca = {probe.cert_file}', '[oidc]', f'issuer = {issuer.url}', 'audience = mail mail2', *config) as p:
            p.setup_command('account add other@local.test')
            p.start()
            yield p, issuer
    finally:
        issuer.close()
        probe.stop()


@case
def tokens():
    with token_house() as (p, i):
        for alg, kid in (('RS256', 'first'), ('RS512', 'first'), ('PS256', 'first'), ('ES256', 'ec'), ('EdDSA', 'ed')):
            said = p.token(i.sign(alg, kid))
            expect(said == 'OK', f'{alg}: {said} {p.log_tail(1500)}')
        expect(p.token(i.sign(), LOCAL) == 'OK' and p.token(i.sign(), LOCAL, 'XOAUTH2') == 'OK', 'with a name')
        expect(p.token(i.sign(aud=['x', 'mail2'])) == 'OK', 'several audiences')
        expect(p.smtp_token(i.sign(), LOCAL) == 235, 'submission')
        refused = p.token(i.sign(), 'other@local.test')
        expect('AUTHENTICATIONFAILED' in refused, f'as another: {refused}')
        rows = wait_until('the log', 5, lambda: [r for r in p.json('login', 'list', LOCAL)['logins'] if r['result'] == 'ok'])
        expect({r['how'] for r in rows} == {'oauth'}, f'{rows}')
        expect('invalid_token' in p.token('a.b.c'), 'RFC 7628 3.2.2: the client hears why')
        p.cli('account', 'disable', LOCAL)
        expect(p.token(i.sign()) != 'OK', 'a disabled account')
        p.cli('account', 'enable', LOCAL)
        p.cli('account', 'set', LOCAL, '--services', '-imap') if False else None


@case
def hostile_tokens():
    def b64(o):
        raw = o if isinstance(o, bytes) else json.dumps(o).encode()
        return base64.urlsafe_b64encode(raw).rstrip(b'=').decode()

    with token_house() as (p, i):
        now, good = int(time.time()), i.sign()
        head, payload, signature = good.split('.')
        public = i.keys['first'].public_key()
        from cryptography.hazmat.primitives import serialization
        pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        import hashlib, hmac
        hs = f'{b64({"alg": "HS256", "kid": "first"})}.{b64(i.claims())}'
        stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        hostile = {
            'no signature': f'{b64({"alg": "none"})}.{b64(i.claims())}.',
            'alg none with a signature': f'{b64({"alg": "none", "kid": "first"})}.{payload}.{signature}',
            'HMAC with the public key as secret': f'{hs}.{b64(hmac.new(pem, hs.encode(), hashlib.sha256).digest())}',
            'HMAC with a key of the set': f'{hs}.{b64(hmac.new(b"secret", hs.encode(), hashlib.sha256).digest())}',
            'another key of that name': i.sign(key=stranger),
            'a key in the header': i.sign(key=stranger, kid=None, headers={'jwk': json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(stranger.public_key()))}),
            'keys elsewhere': i.sign(key=stranger, kid='x', headers={'jku': 'https://evil.test/keys'}),
            'a small key': i.sign(key=i.small, kid='small'),
            'EC claims by an RSA key': f'{b64({"alg": "ES256", "kid": "first"})}.{payload}.{signature}',
            'PSS said of PKCS 1': f'{b64({"alg": "PS256", "kid": "first"})}.{payload}.{signature}',
            'other claims': f'{head}.{b64(i.claims(email="other@local.test"))}.{signature}',
            'another issuer': i.sign(iss='https://evil.test'),
            'an issuer that begins alike': i.sign(iss=i.url + '.evil.test'),
            'no issuer': i.sign(iss=None),
            'another audience': i.sign(aud='calendar'),
            'no audience': i.sign(aud=None),
            'an audience that is a number': i.sign(aud=[7]),
            'expired': i.sign(exp=now - 120),
            'no end': i.sign(exp=None),
            'an end that is text': i.sign(exp=str(now + 600)) if False else f'{b64({"alg": "none"})}..',
            'not yet': i.sign(nbf=now + 600),
            'from the future': i.sign(iat=now + 600, exp=now + 900),
            'for ten years': i.sign(exp=now + 10 * 365 * 86400),
            'no address': i.sign(email=None),
            'an address not verified': i.sign(email_verified=False),
            'the address of nobody': i.sign(email='nobody@local.test'),
            'a critical extension': i.sign(headers={'crit': ['x'], 'x': 1}),
            'cut': good[:-10],
            'twice': f'{good}.{signature}',
            'padding': good + '=',
            'empty parts': '..',
            'garbage': '%%%.%%%.%%%',
            'a large one': f'{b64({"alg": "RS256"})}.{"A" * 9000}.AAAA',
        }
        for what, token in hostile.items():
            said = p.token(token)
            expect(said != 'OK', f'{what} was taken')
            expect('UNAVAILABLE' not in said, f'{what}: {said}')
        expect(p.token(good) == 'OK', 'the honest one still is')
        expect(p.token(i.sign(exp=now - 30)) == 'OK', 'clocks may differ a little')


@case
def new_keys_and_a_dead_issuer():
    with token_house() as (p, i):
        wait_until('its keys', 20, lambda: p.token(i.sign()) == 'OK', every=0.2)
        before = i.asked['keys']
        expect(p.token(i.sign(kid='second')) != 'OK', 'a key that nobody published')
        for _ in range(5):
            p.token(i.sign(kid='second'))
        expect(i.asked['keys'] <= before + 1, f'asked {i.asked["keys"] - before} times for made-up keys')
        i.keys['second'] = i.hidden['second']
        wait_until('the new key', 30, lambda: p.token(i.sign(kid='second')) == 'OK', every=1)
        i.fails = True
        expect(p.token(i.sign()) == 'OK', 'known keys go on')
    with token_house(fails=True) as (p, i):
        expect('UNAVAILABLE' in p.token(i.sign()), 'nothing known: come again')
        expect(p.imap(LOCAL, PASSWORD) == 'OK', 'passwords go on')


@case
def introspection():
    probe = Instance(listeners=())
    issuer = Issuer(probe.cert_file, probe.key_file)
    issuer.active = {'good': {'active': True, 'aud': 'mail', 'username': 'admin'}, 'other': {'active': True, 'aud': 'x', 'username': 'admin'},
                     'old': {'active': True, 'aud': 'mail', 'username': 'admin', 'exp': int(time.time()) - 600}, 'off': {'active': False, 'aud': 'mail'}}
    with Site('[tls]', f'ca = {probe.cert_file}', '[oidc]', f'issuer = {issuer.url}', 'audience = mail', f'introspection = {issuer.url}/ask',
              'client_id = posthouse', 'client_secret = s+cret', 'claim = username', 'domain = local.test') as p:
        p.start()
        expect(p.token('good') == 'OK', 'active')
        for token in ('other', 'old', 'off', 'unknown'):
            expect('AUTHENTICATIONFAILED' in p.token(token), token)
        expect(issuer.asked['introspect'] == 5, f'{issuer.asked}')
    issuer.close()
    with Site() as p:
        p.start()
        m = imaplib.IMAP4_SSL('localhost', p.ports['imaps'], ssl_context=TLS, timeout=60)
        expect(not any('OAUTH' in c for c in m.capabilities), 'not offered where nobody issues tokens')
        m.shutdown()
    probe.stop()


if __name__ == '__main__':
    if not slapd.available():
        print('skipped: slapd is not here (./dev test unpacks it)')
    sys.exit(run_cases(sys.argv[1:]))
