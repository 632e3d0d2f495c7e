#!/usr/bin/env python3
"""Reports to other domains, end to end: mail arrives, is counted, and the domains' mailboxes for reports get what happened.

    test/reports.py [WORDS_IN_NAMES ...]

A zone of the test's own, a sink that plays the receiving hosts. The XML is read back by Python, compared with what was
sent in, and validated by the schema in ../shared when that and xmllint are here.
"""
import email, email.policy, gzip, json, os, re, smtplib, socketserver, subprocess, sys, tempfile, threading, time
import xml.etree.ElementTree as ET
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
import judge
from posthouse import Instance, free_port, wait_until
from zone import Zone

NS = '{urn:ietf:params:xml:ns:dmarc-2.0}'
COUNTED_WITHIN = 25  # seconds; counts are flushed every 15


class Sink:
    """An SMTP server that takes everything, or refuses every recipient."""

    def __init__(self):
        self.mail, self.refuse = [], False
        sink = self

        class Handler(socketserver.StreamRequestHandler):
            def say(self, text):
                self.wfile.write(text.encode() + b'\r\n')

            def handle(self):
                self.say('220 sink')
                sender, rcpts = '', []
                for line in self.rfile:
                    line = line.decode('latin-1').rstrip()
                    verb = line[:4].upper()
                    if verb == 'MAIL':
                        sender, rcpts = line, []
                    if verb == 'RCPT':
                        rcpts.append(line)
                        if sink.refuse:
                            self.say('550 5.1.1 nobody here')
                            continue
                    if verb == 'EHLO':
                        self.say('250-sink\r\n250 DSN')
                    elif verb == 'DATA':
                        self.say('354 go')
                        body = []
                        for piece in self.rfile:
                            if piece == b'.\r\n':
                                break
                            body.append(piece[1:] if piece.startswith(b'.') else piece)
                        sink.mail.append((sender, rcpts, b''.join(body)))
                        self.say('250 kept')
                    elif verb == 'QUIT':
                        self.say('221 bye')
                        return
                    else:
                        self.say('250 fine')

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = daemon_threads = True
        self.server = Server(('127.0.0.1', 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def wait(self, count, seconds=30):
        wait_until(f'{count} reports at the sink', seconds, lambda: len(self.mail) >= count)
        if len(self.mail) > count:
            raise AssertionError(f'{len(self.mail)} reports, not {count}')
        return [email.message_from_bytes(m[2], policy=email.policy.default) for m in self.mail]


ZONE = ['_dmarc.author.test TXT v=DMARC1; p=reject; sp=quarantine; np=none; fo=1; rua=mailto:dmarc@author.test',
        'author.test TXT v=spf1 ip4:127.0.0.1 -all', 'author.test A 127.0.0.1', 'author.test MX 10 mx.author.test',
        'mx.author.test A 127.0.0.1',
        'sub.author.test A 127.0.0.1',
        'other.test TXT v=spf1 -all', 'other.test A 127.0.0.1',
        '_dmarc.far.test TXT v=DMARC1; p=none; rua=mailto:far@agrees.test!1m, mailto:x@victim.test, https://far.test/', 'far.test A 127.0.0.1',
        'far.test._report._dmarc.agrees.test TXT v=DMARC1', 'agrees.test MX 10 mx.author.test',
        'victim.test MX 10 mx.author.test',
        '_dmarc.silent.test TXT v=DMARC1; p=none', 'silent.test A 127.0.0.1',
        '_dmarc.example.test TXT v=DMARC1; p=reject; t=y; rua=mailto:r@author.test', 'example.test A 127.0.0.1',
        'example.test._report._dmarc.author.test TXT v=DMARC1;',
        '_smtp._tls.tls.test TXT v=TLSRPTv1; rua=mailto:tls@author.test', 'tls.test MX 10 mx.author.test']


def config(zone, sink, *more):
    return ['[dns]', 'mode = forward', f'servers = 127.0.0.1@{zone.port}', '[delivery]', f'port = {sink.port}',
            '[source "local"]', 'dmarc = yes', '[reports]', 'org_name = Post & Söhne', 'contact = https://post.test/<reports>', *more]


class Setup:
    def __init__(self, *more):
        self.zone, self.sink = Zone(ZONE), Sink()
        self.p = Instance(config(self.zone, self.sink, *more), listeners=('mx', 'submission'))
        self.p.setup_command('domain add local.test')
        self.p.setup_command('account add bob@local.test')
        self.p.start()

    def send(self, sender, author, text='hello', times=1):
        with smtplib.SMTP('127.0.0.1', self.p.ports['mx'], 'client.test') as s:
            for _ in range(times):
                try:
                    s.sendmail(sender, ['bob@local.test'], f'From: a@{author}\r\nSubject: x\r\n\r\n{text}\r\n')
                except smtplib.SMTPDataError as e:
                    if e.smtp_code != 550:
                        raise

    def reports(self, *args):
        try:
            return self.p.json('report', 'list', *args)['reports']
        except RuntimeError:
            return []

    def wait_counted(self, domain, messages):
        def counted():
            return sum(r['messages'] for r in self.reports(domain, '--kind', 'dmarc')) == messages
        wait_until(f'{messages} messages counted for {domain}', COUNTED_WITHIN, counted, 0.5)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if exc[0]:
            sys.stderr.write(self.p.log_tail(3000))
        self.p.__exit__(*exc)
        self.zone.stop()
        self.sink.server.shutdown()
        self.sink.server.server_close()


def check(what, got, want):
    if got != want:
        raise AssertionError(f'{what}: {got!r}, not {want!r}')


def attachment(message, kind):
    parts = [p for p in message.walk() if p.get_content_type() == kind]
    check(f'parts of {kind}', len(parts), 1)
    return parts[0].get_filename(), gzip.decompress(parts[0].get_content())


def rows_of(xml):
    root = ET.fromstring(xml)
    rows = {}
    for r in root.findall(f'{NS}record'):
        def text(path):
            e = r.find('/'.join(NS + name for name in path.split('/')))
            return None if e is None else e.text or ''
        key = (text('row/source_ip'), text('identifiers/header_from'), text('identifiers/envelope_from'),
               text('identifiers/envelope_to'), text('row/policy_evaluated/disposition'), text('row/policy_evaluated/dkim'),
               text('row/policy_evaluated/spf'), text('auth_results/spf/domain'), text('auth_results/spf/scope'),
               text('auth_results/spf/result'), text('row/policy_evaluated/reason/type'))
        rows[key] = rows.get(key, 0) + int(text('row/count'))
    return root, rows


def validate(xml):
    """By the schema in ../shared. That one is of RFC 9990 but for some places, which are mended first: it does not refer to its own
    namespace, and does not know version and the name `testing`."""
    try:
        with open(os.path.join(judge.conformance('dmarc'), 'rua-schema.xsd'), encoding='utf-8') as f:
            schema = f.read()
        subprocess.run(['xmllint', '--version'], capture_output=True, check=True)
    except (judge.Skip, OSError):
        print('   the schema is not here: not validated')
        return
    schema = schema.replace('targetNamespace=', 'xmlns="urn:ietf:params:xml:ns:dmarc-2.0" elementFormDefault="qualified" targetNamespace=')
    schema = re.sub(r'^\s*<\?xml', '<?xml', schema)
    schema = schema.replace('<xs:element name="t" ', '<xs:element name="testing" ')
    schema = schema.replace('<xs:element name="report_metadata"', '<xs:element name="version" type="xs:string"/><xs:element name="report_metadata"', 1)
    with tempfile.TemporaryDirectory() as d:
        for name, data in ('s.xsd', schema.encode()), ('r.xml', xml):
            with open(os.path.join(d, name), 'wb') as f:
                f.write(data)
        r = subprocess.run(['xmllint', '--noout', '--schema', 's.xsd', 'r.xml'], cwd=d, capture_output=True, text=True)
    if r.returncode:
        raise AssertionError('not valid: ' + r.stderr[:2000])


def aggregate():
    """What was sent in stands in the report; it has the right form and goes where it is wanted."""
    with Setup() as s:
        s.send('x@author.test', 'author.test', times=3)  # passes by SPF
        s.send('x@other.test', 'author.test', times=2)  # refused: reject
        s.send('x@other.test', 'sub.author.test')  # marked: quarantine
        s.send('x@other.test', 'nowhere.author.test')  # np=none
        s.send('', 'author.test')  # null sender: SPF of HELO, none there; refused
        s.send('x@other.test', 'silent.test')
        s.send('x@other.test', 'example.test')  # t=y: quarantine instead of reject
        s.send('x@unknown.test', 'unknown.test')  # no record: not counted
        s.wait_counted('author.test', 8)
        s.wait_counted('example.test', 1)
        check('domains', sorted({r['domain'] for r in s.reports()}), ['author.test', 'example.test', 'silent.test'])
        s.p.cli('report', 'send-now')
        mail = {m['Subject'].split()[2]: m for m in s.sink.wait(2)}
        check('reports about', sorted(mail), ['author.test', 'example.test'])
        m = mail['author.test']
        check('content type', m.get_content_type(), 'multipart/mixed')
        check('to', m['To'], 'dmarc@author.test' if '<' not in m['To'] else '<dmarc@author.test>')
        if not re.fullmatch(r'Report Domain: author.test Submitter: mx.post.test Report-ID: <[0-9.]+@mx.post.test>', m['Subject']):
            raise AssertionError(m['Subject'])
        check('author', m['From'].addresses[0].addr_spec, 'noreply-reports@mx.post.test')
        check('name', m['From'].addresses[0].display_name, 'Post & Söhne')
        check('envelopes', sorted({sender.split('>')[0] for sender, _, _ in s.sink.mail}), ['MAIL FROM:<noreply-reports@mx.post.test'])
        if not all('NOTIFY=NEVER' in r for _, rcpts, _ in s.sink.mail for r in rcpts):
            raise AssertionError('a bounce may come')
        name, xml = attachment(m, 'application/gzip')
        validate(xml)
        root, rows = rows_of(xml)
        begin, end = (root.find(f'{NS}report_metadata/{NS}date_range/{NS}{e}').text for e in ('begin', 'end'))
        report_id = root.find(f'{NS}report_metadata/{NS}report_id').text
        check('file', name, f'mx.post.test!author.test!{begin}!{end}!{report_id.split("@")[0]}.xml.gz')
        check('begin', int(begin) % 86400, 0)
        if not int(begin) < int(end) <= time.time():
            raise AssertionError(f'{begin} to {end}')
        check('subject has the id', f'<{report_id}>' in m['Subject'], True)
        policy = {e.tag.replace(NS, ''): e.text for e in root.find(f'{NS}policy_published')}
        check('policy', policy, {'domain': 'author.test', 'adkim': 'r', 'aspf': 'r', 'p': 'reject', 'sp': 'quarantine', 'np': 'none', 'fo': '1',
                                 'discovery_method': 'treewalk'})
        ip, to = '127.0.0.1', 'local.test'
        check('rows', rows, {
            (ip, 'author.test', 'author.test', to, 'none', 'fail', 'pass', 'author.test', 'mfrom', 'pass', None): 3,
            (ip, 'author.test', 'other.test', to, 'reject', 'fail', 'fail', 'other.test', 'mfrom', 'fail', None): 2,
            (ip, 'sub.author.test', 'other.test', to, 'quarantine', 'fail', 'fail', 'other.test', 'mfrom', 'fail', None): 1,
            (ip, 'nowhere.author.test', 'other.test', to, 'none', 'fail', 'fail', 'other.test', 'mfrom', 'fail', None): 1,
            (ip, 'author.test', '', to, 'reject', 'fail', 'fail', 'client.test', 'helo', 'none', None): 1})
        _, xml = attachment(mail['example.test'], 'application/gzip')
        validate(xml)
        check('test mode', list(rows_of(xml)[1])[0][4::6], ('quarantine', 'policy_test_mode'))
        wait_until('all done', 10, lambda: all(r['finished_at'] for r in s.reports()))
        by = {r['domain']: r for r in s.reports()}
        check('nobody asked', (by['silent.test']['sent'], by['silent.test']['outcome']), (0, 'no mail address is named'))
        check('sent', by['author.test']['sent'], 1)
        shown = s.p.json('report', 'show', str(by['author.test']['number']))
        check('shown', sum(r['count'] for r in shown['rows']), 8)
        # Counting goes on in a new window; nothing is sent twice.
        s.send('x@author.test', 'author.test')
        s.wait_counted('author.test', 9)
        s.p.cli('report', 'send-now', 'author.test')
        m = s.sink.wait(3)[2]
        root, rows = rows_of(attachment(m, 'application/gzip')[1])
        check('second', list(rows.values()), [1])
        check('it begins where the first ended', root.find(f'{NS}report_metadata/{NS}date_range/{NS}begin').text, str(int(end) + 1))


def elsewhere():
    """A report goes to another organisation only when that agrees; refused reports bounce to nobody."""
    with Setup() as s:
        s.send('x@far.test', 'far.test', times=2)
        s.wait_counted('far.test', 2)
        s.sink.refuse = True
        s.p.cli('report', 'send-now')
        wait_until('it is done', 20, lambda: s.reports('far.test')[0]['finished_at'])
        s.p.wait_queue(0)
        rows = s.p.json('trace', '--from', 'noreply-reports@mx.post.test')['rows']
        check('recipients', sorted((r['to'], r['status']) for r in rows), [('far@agrees.test', 'bounced')])
        check('bounces', s.p.json('trace')['rows'].__len__() - len(rows), 2)  # the two that came, no report about a report
        check('reports', len(s.sink.mail), 0)


def switched_off():
    """dmarc = no sends nothing."""
    with Setup('dmarc = no') as s:
        s.send('x@author.test', 'author.test')
        s.wait_counted('author.test', 1)
        s.p.cli('report', 'send-now')
        wait_until('it is done', 20, lambda: s.reports()[0]['finished_at'])
        check('outcome', s.reports()[0]['outcome'], 'sending is switched off')
        check('reports', len(s.sink.mail), 0)


def signed():
    """A report of a domain with keys is signed; python3-dkim verifies it."""
    try:
        import dkim
    except ImportError:
        print('   python3-dkim is not here: skipped')
        return
    with Setup('from = reports@local.test') as s:
        s.p.cli('dkim', 'add', 'local.test')
        wait_until('the keys process has them', 60, lambda: 'event=keys.loaded role=keys-0 keys=2' in s.p.log_tail(200000))
        s.send('x@author.test', 'author.test')
        s.wait_counted('author.test', 1)
        s.p.cli('report', 'send-now')
        s.sink.wait(1)
        text = s.sink.mail[0][2]
        records = {k['name'].rstrip('.') + '.': k['value'].encode() for k in s.p.json('dkim', 'list', 'local.test')['keys']}
        check('signatures', text.count(b'DKIM-Signature:') >= 1, True)
        check('it verifies', dkim.verify(text, dnsfunc=lambda name, timeout=5: records.get(name.decode() if isinstance(name, bytes) else name)), True)


def tls():
    """Sessions to a domain that wants TLS reports are told to it as JSON."""
    with Setup() as s:
        with smtplib.SMTP('127.0.0.1', s.p.ports['submission'], 'client.test') as c:
            c.starttls()
            c.login('bob@local.test', 'correct horse 7')
            for _ in range(2):
                c.sendmail('bob@local.test', ['someone@tls.test'], 'From: bob@local.test\r\nSubject: x\r\n\r\nhello\r\n')
        s.sink.wait(2)
        s.sink.mail.clear()
        wait_until('sessions counted', COUNTED_WITHIN, lambda: s.reports('tls.test'), 0.5)
        s.p.cli('report', 'send-now', 'tls.test')
        m = s.sink.wait(1)[0]
        check('content type', (m.get_content_type(), m.get_param('report-type')), ('multipart/report', 'tlsrpt'))
        check('headers', (m['TLS-Report-Domain'], m['TLS-Report-Submitter']), ('tls.test', 'mx.post.test'))
        name, text = attachment(m, 'application/tlsrpt+gzip')
        report = json.loads(text)
        check('organisation', report['organization-name'], 'Post & Söhne')
        policy = report['policies'][0]
        check('policy', policy['policy'], {'policy-type': 'no-policy-found', 'policy-domain': 'tls.test'})
        total = policy['summary']['total-successful-session-count'] + policy['summary']['total-failure-session-count']
        check('sessions', total >= 1, True)
        failed = sum(f['failed-session-count'] for f in policy.get('failure-details', []))
        check('failures', failed, policy['summary']['total-failure-session-count'])
        if not re.fullmatch(r'mx\.post\.test!tls\.test!\d+!\d+!\d+\.\d+\.\d+\.json\.gz', name):
            raise AssertionError(name)


def failure():
    """A failure report about one message: who asked gets it, redacted, at most so many an hour; by default nobody does."""
    lines = ['_dmarc.told.test TXT v=DMARC1; p=none; fo=1; ruf=mailto:ruf@told.test', 'told.test A 127.0.0.1', 'told.test MX 10 mx.author.test']
    ZONE.extend(lines)
    try:
        with Setup('failure = yes', 'failures_per_hour = 2', 'from = reports@post.test') as s:
            for n in range(4):
                s.send('x@other.test', 'told.test', 'To: secret@local.test\r\n\r\nsecret text')
                if n == 1:
                    mail = s.sink.wait(2)
            m = mail[0]
            check('content type', (m.get_content_type(), m.get_param('report-type')), ('multipart/report', 'feedback-report'))
            check('to', m['To'].addresses[0].addr_spec, 'ruf@told.test')
            report = [p for p in m.walk() if p.get_content_type() == 'message/feedback-report'][0].get_payload()
            fields = email.message_from_string(report.as_string() if hasattr(report, 'as_string') else str(report[0]))
            check('fields', {k: fields[k] for k in ('Feedback-Type', 'Auth-Failure', 'Source-IP', 'Reported-Domain', 'Delivery-Result',
                                                    'Original-Mail-From', 'Identity-Alignment')},
                  {'Feedback-Type': 'auth-failure', 'Auth-Failure': 'dmarc', 'Source-IP': '127.0.0.1', 'Reported-Domain': 'told.test',
                   'Delivery-Result': 'delivered', 'Original-Mail-From': '<x@other.test>', 'Identity-Alignment': 'none'})
            check('results', 'dmarc=fail' in fields['Authentication-Results'], True)
            check('nothing secret', b'secret' in s.sink.mail[0][2] or b'bob' in s.sink.mail[0][2], False)
            check('its author', 'From: a@told.test' in m.as_string(), True)
            time.sleep(2)
            check('as many as allowed', len(s.sink.mail), 2)
        with Setup() as s:
            s.send('x@other.test', 'told.test')
            time.sleep(2)
            check('off by default', len(s.sink.mail), 0)
    finally:
        del ZONE[-len(lines):]


def crash():
    """Killed at any point while it sends reports, each report is queued exactly once."""
    with Setup() as s:
        domains = ['author.test', 'example.test', 'far.test']
        for d in domains:
            s.send('x@other.test', d)
        for d in domains:
            s.wait_counted(d, 1)
        s.p.stop()
        for n in range(6):
            s.p.start()
            if n == 0:
                s.p.cli('report', 'send-now')
            else:
                s.p.cli('queue', 'retry', '--all', '--yes', check=False)
            time.sleep(0.03 + 0.05 * n)
            s.p.kill()
        s.p.start()
        s.p.cli('report', 'send-now', check=False)
        s.p.cli('queue', 'retry', '--all', '--yes', check=False)
        wait_until('all done', 60, lambda: all(r['finished_at'] for r in s.reports()))
        s.p.wait_queue(0)
        ids = [re.search(rb'Report-ID:\s+(<[^>]*>)', m[2]).group(1) for m in s.sink.mail]
        rows = s.p.json('trace', '--from', 'noreply-reports@mx.post.test')['rows']
        check('reports queued', len(rows), 3)
        check('different reports', len(set(ids)), 3)


CASES = [aggregate, elsewhere, switched_off, signed, tls, failure, crash]


def main():
    wanted = [c for c in CASES if all(w in c.__name__ for w in sys.argv[1:])]
    failed = 0
    for case in wanted:
        started = time.monotonic()
        try:
            case()
            print(f'ok {case.__name__} ({time.monotonic() - started:.0f} s)')
        except Exception as e:
            failed += 1
            print(f'FAIL {case.__name__}: {type(e).__name__}: {e}')
    print(f'{len(wanted) - failed} passed, {failed} failed')
    sys.exit(bool(failed))


main()
