#!/usr/bin/env python3
"""Reports of others about our mail, through a running server: read in the scan process, kept, shown.

    test/received.py [WORDS_IN_NAMES ...]

Real reports come from ../shared/conformance (skipped without); the others are written here.
"""
import base64, glob, gzip, json, os, re, signal, smtplib, sys, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
import judge
from posthouse import Instance, wait_until

TO = 'posthouse-reports@home.test'
XML = '''<?xml version="1.0"?><feedback><report_metadata><org_name>%s</org_name><email>a@b.test</email><report_id>%s</report_id>
<date_range><begin>1700000000</begin><end>1700086400</end></date_range></report_metadata>
<policy_published><domain>home.test</domain><p>none</p></policy_published>%s</feedback>'''
ROW = '''<record><row><source_ip>192.0.2.%d</source_ip><count>%d</count><policy_evaluated><disposition>none</disposition>
<dkim>fail</dkim><spf>fail</spf></policy_evaluated></row><identifiers><header_from>home.test</header_from></identifiers></record>'''
ARF = '''Subject: complaint
Content-Type: multipart/report; report-type=feedback-report; boundary=b

--b

A user complained.
--b
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: Loop/1
Version: 1
Source-IP: 192.0.2.9
Reported-Domain: home.test

--b
Content-Type: message/rfc822

Subject: offer

buy
--b--
'''
TLS = {'organization-name': 'Tls Org', 'report-id': 't1', 'date-range': {'start-datetime': '2026-01-01T00:00:00Z',
       'end-datetime': '2026-01-01T23:59:59Z'}, 'policies': [{'policy': {'policy-type': 'sts', 'policy-domain': 'home.test'},
       'summary': {'total-successful-session-count': 5, 'total-failure-session-count': 1}, 'failure-details': [
           {'result-type': 'certificate-expired', 'failed-session-count': 1}]}]}


def packed(content, kind):
    return ('Subject: report\nContent-Type: %s\nContent-Transfer-Encoding: base64\n\n' % kind +
            base64.encodebytes(gzip.compress(content.encode())).decode()).encode()


class Case:
    def __init__(self, *config):
        self.p = Instance(config=list(config))
        self.p.setup_command('domain add home.test')

    def __enter__(self):
        self.p.start()
        return self

    def __exit__(self, *exc):
        self.p.__exit__(*exc)

    def send(self, message, to=TO, sender='reporter@there.test'):
        with smtplib.SMTP('127.0.0.1', self.p.ports['mx'], timeout=20) as s:
            s.sendmail(sender, [to], message.replace(b'\r\n', b'\n').replace(b'\n', b'\r\n'))

    def scans(self):
        """Those that serve."""
        return [int(pid) for pid in re.findall(r'^scan \d+ ready pid=(\d+)', self.p.cli('status', check=False), re.M)]

    def received(self):
        out = self.p.cli('report', 'received', '--json', check=False)  # without any the exit code is 3
        return json.loads(out[:out.rindex('}') + 1])['reports']

    def wait(self, count):
        wait_until(f'{count} reports', 20, lambda: len(self.received()) == count)
        return self.received()


def check(what, got, want):
    if got != want:
        raise AssertionError(f'{what} is {got!r}, not {want!r}')


def kinds():
    """DMARC, TLS and feedback; the same again is kept once; another domain's local part is no report address."""
    with Case() as c:
        c.send(packed(XML % ('Org', 'd1', ROW % (1, 3) + ROW % (2, 4)), 'application/gzip'))
        c.send(packed(json.dumps(TLS), 'application/tlsrpt+gzip'))
        c.send(ARF.encode())
        rows = {r['kind']: r for r in c.wait(3)}
        check('messages', (rows['dmarc']['messages'], rows['dmarc']['failed'], rows['dmarc']['domain']), (7, 7, 'home.test'))
        check('sessions', (rows['tls']['messages'], rows['tls']['failed']), (6, 1))
        body = json.loads(c.p.cli('report', 'received', str(rows['feedback']['number'])))
        check('type', (body['type'], body['ip'], body['subject']), ('abuse', '192.0.2.9', 'offer'))
        c.send(packed(XML % ('Org', 'd1', ROW % (1, 3) + ROW % (2, 4)), 'application/gzip'))
        c.p.wait_queue(0)
        check('reports', len(c.received()), 3)
        check('trace', [r['status'] for r in c.p.json('trace', '--to', TO)['rows']], ['delivered'] * 4)


def no_report():
    """What is no report, or a damaged one, goes back to who sent it; nothing is kept."""
    with Case() as c:
        c.p.setup_command('account add bob@home.test')
        for text in (b'Subject: hello\n\nis anybody there?\n', packed('<html/>', 'application/gzip'),
                     packed(XML % ('O', 'big', ' ' * (80 << 20)), 'application/gzip')):
            c.send(text, sender='bob@home.test')
        c.p.wait_queue(0)
        wait_until('three bounces', 20, lambda: len(c.p.mail('bob@home.test')) == 3)
        check('reports', c.received(), [])
        check('the process that read them', 'crash' in c.p.log_tail(), False)


def process_dies():
    """A scan process that is killed or stands still costs nothing: the report is read by its successor."""
    with Case('[filter]', 'enabled = no', '[scan]', 'processes = 1', 'time = 2s') as c:
        first = wait_until('a scan process', 20, c.scans)[0]
        os.kill(first, signal.SIGSTOP)
        c.send(packed(XML % ('Org', 'd1', ROW % (1, 3)), 'application/gzip'))
        time.sleep(0.3)
        os.kill(first, signal.SIGKILL)
        c.wait(1)
        for n in range(5):
            os.kill(wait_until('a scan process', 40, c.scans)[0], signal.SIGKILL)
            c.send(packed(XML % ('Org', f'k{n}', ROW % (1, 3)), 'application/gzip'))
        wait_until('all reports', 120, lambda: (c.p.cli('queue', 'retry', '--all', '--yes', check=False), len(c.received()) == 6)[1])


def several():
    """Each scan process gets its share; one that stands still keeps only what it was given."""
    with Case('[filter]', 'enabled = no', '[scan]', 'processes = 3', 'time = 2s') as c:
        scans = wait_until('scan processes', 20, lambda: len(c.scans()) == 3 and c.scans())
        check('scan processes', len(scans), 3)
        for n in range(9):
            c.send(packed(XML % ('Org', f's{n}', ROW % (1, 3)), 'application/gzip'))
        c.wait(9)
        counted = [l for l in c.p.cli('metrics').splitlines() if l.startswith('posthouse_scan_messages_total')]
        os.kill(scans[0], signal.SIGSTOP)
        for n in range(2):
            c.send(packed(XML % ('Org', f'h{n}', ROW % (1, 3)), 'application/gzip'))
        wait_until('a report by another process', 10, lambda: len(c.received()) > 9)
        os.kill(scans[0], signal.SIGCONT)
        c.wait(11)
        check('messages examined before', sum(int(l.split()[-1]) for l in counted), 9)


def real():
    """Reports as receivers really send them."""
    folder = judge.conformance('dmarc')
    with Case() as c:
        names = sorted(glob.glob(folder + '/reports/*.eml'))
        for name in names:
            c.send(open(name, 'rb').read())
        rows = {r['report_id']: r for r in c.wait(len(names))}
        for name in names:
            want = json.load(open(name[:-4] + '.json'))
            meta = want['report_metadata']
            got = rows[meta['report_id']]
            body = json.loads(c.p.cli('report', 'received', str(got['number'])))
            check('org', (got['org'], got['domain']), (meta['org_name'], want['policy_published']['domain']))
            check('range', (body['begin'], body['end']), (meta['date_range']['begin'], meta['date_range']['end']))
            check('rows', [(r['ip'], r['count'], r['disposition'], r['dkim'], r['spf']) for r in body['rows']],
                  [(r['row']['source_ip'], r['row']['count'], *(r['row']['policy_evaluated'][k].lower()
                    for k in ('disposition', 'dkim', 'spf'))) for r in want['record']])


CASES = [kinds, no_report, process_dies, several, real]


def main():
    wanted = [c for c in CASES if all(w in c.__name__ for w in sys.argv[1:])]
    passed = failed = 0
    for case in wanted:
        try:
            case()
            passed += 1
            print(f'ok {case.__name__}')
        except judge.Skip as e:
            print(f'skipped {case.__name__}: {e}')
        except Exception as e:
            failed += 1
            print(f'FAIL {case.__name__}: {type(e).__name__}: {e}')
    print(f'{passed} passed, {failed} failed')
    sys.exit(bool(failed))


main()
