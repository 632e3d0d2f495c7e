#!/usr/bin/env python3
"""The pages behind links: GET shows, POST acts, once; links cannot be altered, guessed or used for something else; slow and
hostile clients; reports of mail programs. The links are made here, by a second implementation of their layout."""
import base64, hashlib, hmac, http.client, json, os, re, signal, socket, sqlite3, ssl, struct, subprocess, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from tally import check, result
from posthouse import PASSWORD, ROOT, Instance, free_port, wait_until

PREVIEW, RELEASE, ALLOW, BLOCK, DELETE, ASK, DOWNLOAD = 1, 2, 4, 8, 16, 32, 64
APPROVE, REFUSE, UNDO = 256, 512, 1024
RECIPIENT, APPROVER = 1, 2
TAIL = '0123456789ABCDEFGHIJKLMNOPQRSTUV'
LETTER = ('From: Wang Wei <wang@partner.test>\r\nTo: li@post.test\r\nSubject: =?utf-8?B?5Y+R56Wo?= invoice\r\n'
          'Date: Sun, 22 Nov 2026 10:00:00 +0800\r\nMessage-ID: <1@partner.test>\r\nMIME-Version: 1.0\r\n'
          'Content-Type: text/html; charset=utf-8\r\n\r\n<html><body><h1>Invoice 77</h1><script>alert(1)</script>'
          '<img src="http://tracker.test/pixel.gif"><p>Please <a href="http://pay.test/x">pay</a> &lt;b&gt; soon.</p></body></html>\r\n')


class Pages:
    def __init__(self, p, port):
        self.p, self.port = p, port
        self.context = ssl.create_default_context(cafile=p.cert_file)
        with sqlite3.connect(f'file:{p.dir}/data/keys/db/keyring.sqlite?mode=ro', uri=True) as db:
            self.secret = db.execute("SELECT bytes FROM secret WHERE name = 'links'").fetchone()[0]

    def token(self, verb, id, idx=0, who='li@post.test', role=RECIPIENT, until=None, version=1):
        number = 0
        for c in id:
            number = number << 5 | TAIL.index(c)
        until = int(time.time()) + 3600 if until is None else until
        body = struct.pack('>BHBQIQ', version, verb, role, number, idx & 0xffffffff, until) + who.encode()
        mac = hmac.new(self.secret, struct.pack('>I', 5) + b'token' + body, hashlib.sha256).digest()[:20]
        return base64.urlsafe_b64encode(body + mac).rstrip(b'=').decode()

    def ask(self, method, path, form=None, headers=None, body=None):
        """Status, headers, text."""
        c = http.client.HTTPSConnection('localhost', self.port, timeout=60, context=self.context)
        headers = dict(headers or {})
        if form is not None:
            body = urlencode(form)
            headers['Content-Type'] = 'application/x-www-form-urlencoded'
        try:
            c.request(method, path, body=body, headers=headers)
            r = c.getresponse()
            return r.status, dict(r.getheaders()), r.read().decode('utf-8', 'replace')
        finally:
            c.close()

    def get(self, path, **headers):
        return self.ask('GET', path, headers={k.replace('_', '-'): v for k, v in headers.items()})

    def press(self, token, extra=(), proof=None):
        """What a person does: opens the page and presses the button."""
        if proof is None:
            proof = self.proof(token)
        return self.ask('POST', f'/d/{token}?lang=en', form=[('proof', proof), *extra])

    def proof(self, token):
        found = re.search(r'name="proof" value="([^"]+)"', self.get(f'/d/{token}')[2])
        return found.group(1) if found else ''

    def raw(self, data, wait=3.0, tls=True):
        """Bytes to the port, what comes back until it closes."""
        s = socket.create_connection(('127.0.0.1', self.port), 5)
        if tls:
            s = self.context.wrap_socket(s, server_hostname='localhost')
        s.settimeout(wait)
        got = b''
        try:
            s.sendall(data)
            while chunk := s.recv(65536):
                got += chunk
        except (socket.timeout, ConnectionError, ssl.SSLError):
            pass
        s.close()
        return got


def hold(p, n=1, kind='spam', rcpts=('li@post.test',), letter=LETTER, sender='wang@partner.test'):
    path = p.dir + '/letter.eml'
    with open(path, 'w', newline='', encoding='utf-8') as f:
        f.write(letter)
    tool = os.path.join(ROOT, 'build/release/judge/quarantine')
    r = subprocess.run([tool, 'hold', p.dir + '/data', str(n), path, sender, 'spf-fail=2.5 dnsbl=4.0(zen.example)', kind, *rcpts],
                       capture_output=True, text=True, timeout=60)
    if r.returncode:
        raise RuntimeError(r.stderr)
    owner = os.stat(p.dir + '/data')
    for name in os.listdir(p.dir + '/data/blob'):  # the tool may be root, the server is not
        os.chown(os.path.join(p.dir, 'data/blob', name), owner.st_uid, owner.st_gid)
    return r.stdout.split()


def database(p):
    """Everything that a click could change, as text."""
    out = []
    for name in ('queue', 'directory', 'trace'):
        with sqlite3.connect(f'file:{p.dir}/data/db/{name}.sqlite?mode=ro', uri=True) as db:
            tables = [t for t, in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
            for t in tables:
                out.append((name, t, sorted(map(repr, db.execute(f'SELECT * FROM {t}')))))
    return out


# ---- pages ----

def scanners(w, p):
    """What link scanners and mail programs do with every link of a digest: nothing may change."""
    id, = hold(p)
    unexamined, = hold(p, kind='virus')
    before = database(p)
    tokens = [w.token(v, id) for v in (PREVIEW, RELEASE, ALLOW, BLOCK, DELETE, ASK, UNDO)]
    tokens += [w.token(v, id, idx=-1, who='boss@post.test', role=APPROVER) for v in (APPROVE, REFUSE)]
    tokens += [w.token(RELEASE, unexamined), w.token(PREVIEW, '0' * 13, idx=-1)]
    seen = set()
    for t in tokens:
        for path in (f'/d/{t}', f'/d/{t}/view', f'/d/{t}/file', f'/d/{t}/digest', f'/d/{t}?verb=release&proof=x', f'/d/{t}?item={id}.0'):
            for method in ('GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE'):
                status, headers, text = w.ask(method, path)
                seen.add(status)
                if method == 'HEAD':
                    check('HEAD has no body', text == '', path)
    check('only the statuses of pages', seen <= {200, 204, 403, 404, 405, 410, 501}, str(seen))
    check('GET, HEAD and others change nothing', database(p) == before)


def looks(w, p):
    id, = hold(p)
    t = w.token(RELEASE, id)
    status, headers, text = w.get(f'/d/{t}')
    check('page', status == 200 and 'Release this letter' in text, text)
    for part in ('wang@partner.test', 'held', '<form method="post"', 'li@post.test', 'Spam' if 'Spam' in text else 'spam'):
        check('page tells ' + part, part in text, text)
    check('reason in words', 'spf-fail' not in text and 'Why' in text, text)
    for name, value in (('Cache-Control', 'no-store'), ('X-Frame-Options', 'DENY'), ('Referrer-Policy', 'no-referrer'),
                        ('X-Content-Type-Options', 'nosniff')):
        check('header ' + name, headers.get(name) == value, str(headers))
    check('policy of content', "default-src 'none'" in headers.get('Content-Security-Policy', ''), str(headers))
    check('no index', 'noindex' in headers.get('X-Robots-Tag', ''), str(headers))
    check('no script in it', '<script' not in text and 'javascript:' not in text)
    zh = w.get(f'/d/{t}', Accept_Language='zh-CN,zh;q=0.9,en;q=0.5')[2]
    check('Chinese by the browser', '放行这封邮件' in zh and 'lang="zh-CN"' in zh, zh)
    check('English by the link', 'Release this letter' in w.get(f'/d/{t}?lang=en', Accept_Language='zh-CN')[2])
    status, headers, text = w.get(f'/d/{w.token(PREVIEW, id)}?lang=en')
    check('preview shows text', status == 200 and 'Invoice 77' in text and '&lt;b&gt; soon' in text, text)
    check('preview loads nothing', '<img' not in text and 'alert(1)' not in text and 'href="http' not in text, text)
    status, headers, text = w.get('/static/style.css')
    check('style sheet', status == 200 and headers['Content-Type'].startswith('text/css') and 'prefers-color-scheme' in text)
    check('robots', w.get('/robots.txt')[2] == 'User-agent: *\nDisallow: /\n')
    check('nothing else', w.get('/')[0] == 404 and w.get('/d/')[0] == 404)
    log = p.log_tail(200000)
    check('links are not in the log', t not in log and hashlib.sha256(t.encode()).hexdigest()[:8] in log)


def once(w, p):
    id, = hold(p)
    t = w.token(RELEASE, id)
    status, headers, text = w.press(t)
    check('released', status == 200 and 'on its way' in text, text)
    letter = p.wait_mail('li@post.test', 1)
    check('the exact original below our fields', letter.replace('\r\n', '\n').endswith(LETTER.replace('\r\n', '\n')), letter)
    status, headers, text = w.get(f'/d/{t}?lang=en')
    check('told when opened again', status == 200 and 'decided on already' in text and '<form' not in text, text)


def again(w, p):
    """Twice with the same form; then the opposite."""
    id, = hold(p)
    t, d = w.token(RELEASE, id), w.token(DELETE, id)
    proof, other = w.proof(t), w.proof(d)
    count = len(p.mail('li@post.test'))
    first, second, third = w.press(t, proof=proof), w.press(t, proof=proof), w.press(d, proof=other)
    check('first', first[0] == 200 and 'Done' in first[2], first[2])
    check('second says that it was done', second[0] == 200 and 'was done before' in second[2], second[2])
    check('the opposite is too late', third[0] == 409 and 'not allow this any more' in third[2], third[2])
    p.wait_mail('li@post.test', count + 1)
    gone, = hold(p)
    with_gone = w.token(RELEASE, gone)
    p.cli('quarantine', 'delete', gone, '--yes', check=False)
    status, headers, text = w.get(f'/d/{with_gone}?lang=en')
    check('deleted by the administrator is told', 'deleted' in text and '<form' not in text, text)
    status, headers, text = w.get(f'/d/{w.token(RELEASE, "1" * 13)}?lang=en')
    check('what has left is told', status == 410 and 'not held any more' in text, text)


def permissions(w, p):
    virus, = hold(p, kind='virus')
    t = w.token(RELEASE, virus)
    status, headers, text = w.get(f'/d/{t}?lang=en')
    check('a virus has no button', status == 200 and '<form' not in text, text)
    spam, = hold(p)
    status, headers, text = w.press(t, proof=w.proof(w.token(RELEASE, spam)))
    check('a form of another link', status == 403, text)
    before = database(p)
    for form in ([], [('proof', '')], [('proof', 'A' * 27)], [('proof', w.token(RELEASE, spam)[-27:])]):
        status, headers, text = w.ask('POST', f'/d/{w.token(RELEASE, spam)}?lang=en', form=form)
        check('no form of ours', status == 403 and 'Nothing was changed' in text, f'{status} {text}')
    good = w.proof(w.token(RELEASE, spam))
    status, headers, text = w.ask('POST', f'/d/{w.token(RELEASE, spam)}', form=[('proof', good)], headers={'Sec-Fetch-Site': 'cross-site'})
    check('a form posted by another site', status == 403, text)
    check('nothing was changed by these', database(p) == before)


def approval(w, p):
    id, = hold(p, kind='approval', rcpts=('li@post.test', 'zhao@post.test'))
    with sqlite3.connect(p.dir + '/data/db/queue.sqlite', timeout=20) as db:
        db.execute("UPDATE held_more SET approvers = 'boss@post.test' WHERE id = (SELECT max(id) FROM held_more)")
    yes, no = (w.token(v, id, idx=-1, who='boss@post.test', role=APPROVER) for v in (APPROVE, REFUSE))
    status, headers, text = w.get(f'/d/{yes}?lang=en')
    check('the approver has both answers', 'Approve this letter' in text and 'Refuse this letter' in text, text)
    recipient = w.get(f'/d/{w.token(RELEASE, id)}?lang=en')[2]
    check('its recipient has no button', '<form' not in recipient, recipient)
    before = len(p.mail('zhao@post.test'))
    status, headers, text = w.press(yes)
    check('approved', status == 200 and 'approved' in text, text)
    p.wait_mail('zhao@post.test', before + 1)
    status, headers, text = w.get(f'/d/{no}?lang=en')
    check('refusing is too late', '<form' not in text, text)


def lists(w, p):
    ids = hold(p, n=3, rcpts=('list@post.test',))
    other, = hold(p, rcpts=('li@post.test',))
    t = w.token(PREVIEW, '0' * 13, idx=-1, who='list@post.test')
    status, headers, text = w.get(f'/d/{t}?lang=en')
    check('the list', status == 200 and all(i in text for i in ids) and other not in text, text)
    proof = re.search(r'name="proof" value="([^"]+)"', text).group(1)
    verb = [('verb', str(RELEASE))]
    status, headers, text = w.press(t, [*verb, ('pick', f'{ids[0]}.0'), ('pick', f'{ids[1]}.0'), ('pick', f'{other}.0')], proof)
    check('two are released, not a third that is another\'s', 'Done: 2' in text and 'Not possible' in text, text)
    p.wait_mail('list@post.test', 2)
    status, headers, text = w.press(t, [*verb, ('pick', f'{ids[0]}.0')], proof)
    check('again', 'done before: 1' in text, text)
    check('another\'s letter is not shown', w.get(f'/d/{t}/view?item={other}.0')[0] == 404)
    status, headers, text = w.get(f'/d/{t}/view?item={ids[2]}.0&lang=en')
    check('one of the list is', status == 200 and 'Invoice 77' in text, text)
    check('verbs that no list has', w.press(t, [('verb', str(APPROVE)), ('pick', f'{ids[2]}.0')], proof)[0] == 400)
    status, headers, text = w.ask('POST', f'/d/{t}/digest?lang=en', form=[('proof', proof)])
    check('a digest is asked for', status == 200 and 'on its way' in text, text)


# ---- links that are none ----

def altered(w, p):
    id, = hold(p)
    t = w.token(RELEASE, id)
    proof = w.proof(t)
    before = database(p)
    letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    c = http.client.HTTPSConnection('localhost', w.port, timeout=60, context=w.context)
    bad = []
    for i in range(len(t)):
        changed = t[:i] + letters[(letters.index(t[i]) + 1 + i % 60) % 64] + t[i + 1:]
        if changed == t:
            continue
        c.request('POST', f'/d/{changed}', body=urlencode([('proof', proof)]), headers={'Content-Type': 'application/x-www-form-urlencoded'})
        r = c.getresponse()
        r.read()
        if r.status != 404:
            bad.append((i, r.status))
    c.close()
    check('each letter of a link counts', not bad, str(bad))
    other, = hold(p)
    before2 = database(p)
    a, b = w.token(RELEASE, id), w.token(RELEASE, other)
    mixed = base64.urlsafe_b64encode(base64.urlsafe_b64decode(a + '=' * (-len(a) % 4))[:-20] + base64.urlsafe_b64decode(b + '=' * (-len(b) % 4))[-20:])
    check('the signature of another item', w.get('/d/' + mixed.rstrip(b'=').decode())[0] == 404)
    for name, made in (('another version', w.token(RELEASE, id, version=2)), ('two verbs', w.token(RELEASE | DELETE, id)),
                       ('no verb', w.token(0, id)), ('padding', t + '='), ('longer', t + 'AAAA'), ('nothing of it', 'x')):
        check(f'no link: {name}', w.get('/d/' + made)[0] == 404)
    over = w.token(RELEASE, id, until=int(time.time()) - 1)
    status, headers, text = w.get(f'/d/{over}?lang=en')
    check('its time is over', status == 410 and 'Send me a new digest' in text, text)
    found = re.search(r'name="proof" value="([^"]+)"', text).group(1)
    check('and nothing is done by it', w.press(over, proof=found)[0] == 410)
    check('but a fresh digest', w.ask('POST', f'/d/{over}/digest?lang=en', form=[('proof', found)])[0] == 200)
    codes = [w.ask('POST', f'/d/{over}/digest?lang=en', form=[('proof', found)])[0] for _ in range(11)]
    check('but not for ever', codes[0] == 200 and codes[-1] == 429, str(codes))
    with sqlite3.connect(f'file:{p.dir}/data/db/queue.sqlite?mode=ro', uri=True) as db:
        held = db.execute('SELECT count(*) FROM sqlite_master').fetchone()
    check('nobody\'s letter moved', p.json('quarantine', 'show', id) is not None and held)


def guessing(p2, w2):
    """An instance of its own, with few tries."""
    codes = [w2.get('/d/' + base64.urlsafe_b64encode(os.urandom(60)).decode().rstrip('='))[0] for _ in range(8)]
    check('after so many wrong links nobody is served', codes[:5] == [404] * 5 and codes[-1] == 429, str(codes))
    id, = hold(p2)
    check('not even with a right one', w2.get('/d/' + w2.token(RELEASE, id))[0] == 429)
    codes = [w2.get('/robots.txt')[0] for _ in range(60)]
    check('too many requests', codes[-1] == 429 and codes[0] == 200, str(codes))


# ---- many at once, killed ----

def parallel(w, p):
    id, = hold(p, rcpts=('many@post.test',))
    t = w.token(RELEASE, id, who='many@post.test')
    proof = w.proof(t)
    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(lambda _: w.press(t, proof=proof), range(200)))
    first = sum('was done before' not in text for status, headers, text in answers if status == 200)
    check('200 at once: all answered', all(a[0] in (200, 503) for a in answers), str({a[0] for a in answers}))
    check('one of them did it', first == 1, str(first))
    p.wait_mail('many@post.test', 1)
    time.sleep(1)
    check('delivered once', len(p.mail('many@post.test')) == 1)


def killed(w, p):
    """The process dies between: what was answered is true, nothing is delivered twice."""
    rounds, answered = 6, 0
    for i in range(rounds):
        rcpt = f'kill{i}@post.test'
        p.cli('account', 'add', rcpt, '--stdin', stdin=PASSWORD + '\n')
        id, = hold(p, rcpts=(rcpt,))
        t = w.token(RELEASE, id, who=rcpt)
        proof = w.proof(t)
        answers = []

        def press():
            try:
                answers.append(w.press(t, proof=proof)[0])
            except (OSError, http.client.HTTPException):
                pass
        threads = [threading.Thread(target=press) for _ in range(8)]
        for x in threads:
            x.start()
        time.sleep(0.004 * i)
        for pid in [pid for pid, role in p.processes().items() if role == 'web']:
            os.kill(pid, signal.SIGKILL)
        for x in threads:
            x.join()
        wait_until('the pages', 40, lambda: alive(w))
        if 200 not in answers:
            w.press(t)
        p.wait_mail(rcpt, 1, 40)  # killed before its word to the queue process: the sweep finds it
        answered += 200 in answers
    time.sleep(1)
    check('killed while acting: each delivered exactly once', all(len(p.mail(f'kill{i}@post.test')) == 1 for i in range(rounds)))


def alive(w):
    try:
        return w.get('/robots.txt')[0] == 200
    except (OSError, http.client.HTTPException):
        return False


# ---- the protocol ----

def protocol(w, p):
    ok = b'GET /robots.txt HTTP/1.1\r\nHost: localhost\r\n'
    got = w.raw((ok + b'\r\n') * 20 + ok + b'Connection: close\r\n\r\n')
    check('pipelining', got.count(b'HTTP/1.1 200 OK') == 21, str(got.count(b'HTTP/1.1 200')))
    smuggling = {
        'length and coding': b'POST /robots.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
        'two lengths': b'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello',
        'list of lengths': b'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\nhello',
        'signed length': b'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nhello',
        'space before colon': b'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n',
        'folded': b'GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n Content-Length: 5\r\n\r\n',
        'bare LF': b'GET / HTTP/1.1\nHost: a\n\n',
        'bare CR': b'GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n',
        'NUL': b'GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n',
        'no host': b'GET / HTTP/1.1\r\n\r\n',
        'two hosts': b'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
        'chunk without CR': b'POST /d/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\na\n0\n\n',
        'climbing': b'GET /static/../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n',
        'encoded climbing': b'GET /static/%2e%2e%2fetc HTTP/1.1\r\nHost: a\r\n\r\n',
    }
    for name, data in smuggling.items():
        got = w.raw(data + ok + b'Connection: close\r\n\r\n')
        check(f'refused, and nothing behind it is heard: {name}', got.startswith(b'HTTP/1.1 400 ') and b'200 OK' not in got, str(got[:300]))
    for name, data, code in (('target too long', b'GET /' + b'a' * 9000 + b' HTTP/1.1\r\n', 414),
                             ('fields too large', ok + b'X: ' + b'a' * 9000 + b'\r\n\r\n', 431),
                             ('too many fields', ok + b'X: a\r\n' * 200 + b'\r\n', 431),
                             ('another version', b'GET / HTTP/2.0\r\nHost: a\r\n\r\n', 505),
                             ('another coding', b'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n', 501),
                             ('form too large', b'POST /d/x HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n', 413),
                             ('plain HTTP', None, 0)):
        got = w.raw(data or ok + b'\r\n', tls=data is not None)
        check(name, got.startswith(b'HTTP/1.1 %d ' % code) if code else b'HTTP/1.1 200' not in got, str(got[:200]))
    curl = subprocess.run(['curl', '-sS', '--cacert', p.cert_file, '--http1.1', f'https://localhost:{w.port}/robots.txt',
                           f'https://localhost:{w.port}/static/style.css', '-o', '/dev/null', '-o', '/dev/null', '-w', '%{num_connects} '],
                          capture_output=True, text=True)
    check('curl reuses the connection', curl.stdout.rstrip().endswith('1 0'), curl.stdout + curl.stderr)
    check('TLS 1.1 is refused', subprocess.run(['curl', '-sS', '-k', '--tls-max', '1.1', f'https://localhost:{w.port}/'], capture_output=True).returncode != 0)


def slow(w, p):
    """Ten clients that say a byte a second do not keep the eleventh waiting, and are sent away."""
    def crawl(_):
        s = w.context.wrap_socket(socket.create_connection(('127.0.0.1', w.port), 5), server_hostname='localhost')
        began = time.monotonic()
        try:
            for c in b'GET /robots.txt HTTP/1.1\r\nHost: a\r\nX: ' + b'a' * 100:
                s.sendall(bytes([c]))
                s.settimeout(0.5)
                try:
                    if not s.recv(1000):
                        break
                    return time.monotonic() - began
                except socket.timeout:
                    continue
        except (ConnectionError, ssl.SSLError):
            pass
        return time.monotonic() - began
    with ThreadPoolExecutor(12) as pool:
        crawling = [pool.submit(crawl, i) for i in range(10)]
        time.sleep(1)
        began = time.monotonic()
        check('others are served meanwhile', w.get('/robots.txt')[0] == 200 and time.monotonic() - began < 2)
        times = [c.result() for c in crawling]
    check('a head has ten seconds', all(8 < t < 15 for t in times), str(times))


# ---- reports ----

def reports(w, p):
    basic = {'Authorization': 'Basic ' + base64.b64encode(f'li@post.test:{PASSWORD}'.encode()).decode(), 'Content-Type': 'application/json'}
    body = json.dumps({'kind': 'spam', 'message': LETTER})
    status, headers, text = w.ask('POST', '/api/report', headers=basic, body=body)
    check('a report is taken', status == 200 and json.loads(text) == {'done': 'learned'}, f'{status} {text}')
    raw = dict(basic, **{'Content-Type': 'message/rfc822'})
    status, headers, text = w.ask('POST', '/api/report?kind=ham', headers=raw, body=LETTER)
    check('as it is', status == 200, f'{status} {text}')
    for name, code, h, b in (('no login', 401, {'Content-Type': 'application/json'}, body), ('no kind', 400, basic, '{"message": "x"}'),
                             ('no JSON', 400, basic, '{'), ('another type', 415, dict(basic, **{'Content-Type': 'text/plain'}), body),
                             ('wrong password', 401, dict(basic, Authorization='Basic ' + base64.b64encode(b'li@post.test:no').decode()), body)):
        status, headers, text = w.ask('POST', '/api/report', headers=h, body=b)
        check(f'report: {name}', status == code and (code != 401 or 'Basic' in headers.get('WWW-Authenticate', '')), f'{status} {text}')
    check('reports are posted', w.get('/api/report')[0] == 405)


def away(w, p):
    """A database that does not answer is said to be just that."""
    id, = hold(p)
    t = w.token(RELEASE, id)
    proof = w.proof(t)
    keys = [pid for pid, role in p.processes().items() if role == 'keys']
    for pid in keys:
        os.kill(pid, signal.SIGSTOP)
    status, headers, text = w.get(f'/d/{t}?lang=en')
    for pid in keys:
        os.kill(pid, signal.SIGCONT)
    check('no keys: 503 and when to come again', status == 503 and headers.get('Retry-After') and 'Nothing was changed' in text, f'{status} {text}')
    check('and then it works', w.press(t, proof=proof)[0] == 200)


def reloaded(w, p):
    """A new process takes over, no request is lost meanwhile; then the pages move, and go."""
    stop, codes = threading.Event(), []

    def ask():
        while not stop.is_set():
            codes.append(alive(w))
    asking = threading.Thread(target=ask)
    asking.start()
    for _ in range(2):
        p.cli('reload')
    stop.set()
    asking.join()
    check('no request is lost by a reload', codes and all(codes), f'{codes.count(False)} of {len(codes)}')
    moved, nowhere = free_port(), ['[dns]', 'mode = forward', f'servers = 127.0.0.1@{p.nowhere.port}']
    p.write_config(['[web]', f'listen = 127.0.0.1:{moved}', 'tls = none', 'requests = 100000', 'bad_links = 100000', *nowhere])
    p.cli('reload')
    wait_until('the old port is free', 10, lambda: not alive(w))
    plain = subprocess.run(['curl', '-sS', f'http://127.0.0.1:{moved}/robots.txt'], capture_output=True, text=True)
    check('behind a proxy: plain', 'Disallow' in plain.stdout, plain.stderr)
    refused = subprocess.run(['curl', '-sS', '-u', f'li@post.test:{PASSWORD}', '--data-binary', 'x', f'http://127.0.0.1:{moved}/api/report'],
                             capture_output=True, text=True)
    check('no password without TLS', 'only over TLS' in refused.stdout, refused.stdout)
    p.write_config(nowhere)
    p.cli('reload')
    wait_until('no pages', 10, lambda: 'web' not in p.processes().values())
    p.write_config(['[web]', f'listen = 127.0.0.1:{p.ports["mx"]}', *nowhere])
    check('not on a port of mail', 'both listen' in p.cli('check-config', check=False))


def main():
    subprocess.run(['make', '-s', '-C', ROOT, 'build/release/judge/quarantine'], check=True, stdout=subprocess.DEVNULL)
    port, port2 = free_port(), free_port()
    with Instance(config=['[web]', f'listen = 127.0.0.1:{port}', 'requests = 100000', 'bad_links = 100000', 'max_per_ip = 300']) as p:
        p.setup_command('domain add post.test')
        for name in ('li', 'zhao', 'many', 'list'):
            p.setup_command(f'account add {name}@post.test')
        p.start()
        w = Pages(p, port)
        wait_until('the pages', 60, lambda: alive(w))
        for part in (looks, once, again, permissions, approval, lists, altered, scanners, parallel, killed, protocol, reports, away, slow, reloaded):
            try:
                part(w, p)
            except Exception as e:  # the others shall be heard, too
                check(part.__name__, False, f'{type(e).__name__}: {e}')
        check('no forbidden calls', 'sandbox.denied' not in p.log_tail(2000000), p.log_tail())
        check('no crash', 'event=panic' not in p.log_tail(2000000))
    with Instance(config=['[web]', f'listen = 127.0.0.1:{port2}', 'requests = 50', 'bad_links = 5'], listeners=('mx',)) as p:
        p.setup_command('domain add post.test')
        p.start()
        w = Pages(p, port2)
        wait_until('the pages', 60, lambda: alive(w))
        guessing(p, w)
    return result()


sys.exit(main())
