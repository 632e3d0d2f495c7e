"""DMARC: examples of the RFCs, and another implementation beside ours: Mail::DMARC, which follows RFC 7489 and looks up everything
itself."""
import json, os, random, subprocess
from judge import Judge, Skip, suite
from zone import Zone

LIB = os.path.dirname(os.path.abspath(__file__))

# ---- examples: RFC 7489 appendix B.1, RFC 9989 appendix B and section 4.10 ----

REJECT = {'_dmarc.example.com': [{'TXT': 'v=DMARC1; p=reject; aspf=r; adkim=r'}]}
TREE = {'_dmarc.example.com': [{'TXT': 'v=DMARC1; p=reject'}], '_dmarc.sub.example.com': [{'TXT': 'v=DMARC1; p=none; psd=n'}],
        '_dmarc.bank.example': [{'TXT': 'v=DMARC1; p=reject; psd=y; np=reject; sp=quarantine'}],
        'a.bank.example': [{'A': '192.0.2.1'}], 'b.bank.example': [{'A': '192.0.2.1'}]}
EXAMPLES = [
    ('SPF 1: the same domain', REJECT, 'example.com', ('pass', 'example.com'), [], 'pass none'),
    ('SPF 2: a parent of From', REJECT, 'child.example.com', ('pass', 'example.com'), [], 'pass none'),
    ('SPF 3: another domain', REJECT, 'child.example.com', ('pass', 'example.net'), [], 'fail reject'),
    ('DKIM 1: the same domain', REJECT, 'example.com', ('none', ''), [('pass', 'example.com')], 'pass none'),
    ('DKIM 2: a parent of From', REJECT, 'child.example.com', ('none', ''), [('pass', 'example.com')], 'pass none'),
    ('DKIM 3: another domain', REJECT, 'child.example.com', ('none', ''), [('pass', 'sample.net')], 'fail reject'),
    ('a subdomain that stands alone (psd=n)', TREE, 'sub.example.com', ('pass', 'example.com'), [], 'fail none'),
    ('its parent is not below it', TREE, 'example.com', ('pass', 'sub.example.com'), [], 'fail reject'),
    ('neighbours below a public suffix', TREE, 'a.bank.example', ('pass', 'b.bank.example'), [], 'fail quarantine'),
    ('below one organisation of a public suffix', TREE, 'a.bank.example', ('pass', 'x.a.bank.example'), [], 'pass none'),
    ('a name that does not exist, of a public suffix', TREE, 'nobody.bank.example', ('none', ''), [], 'fail reject'),
]


@suite('dmarc-examples')
def examples(score):
    with Judge('dmarc') as judge:
        for name, zone, author, spf, dkim, want in EXAMPLES:
            r = judge.ask(zone=zone, header=f'From: x@{author}\r\n\r\n', spf=spf, dkim=dkim)
            got = f'{r["result"]} {r["disposition"]}'
            score.check(name, got == want, f'{got}, not {want}: {r["reason"]}')


# ---- random records and messages ----

ORGS = ['alpha.com', 'beta.co.uk', 'gamma.net', 'delta.org']
LABELS = ['', 'www.', 'mail.', 'a.b.']
RESULTS = ['pass', 'pass', 'pass', 'fail', 'none', 'softfail', 'neutral']


def record(rnd):
    """A record as owners write them, good and bad. None: none."""
    if rnd.random() < 0.3:
        return None
    tags = [f'p={rnd.choice(["none", "none", "quarantine", "quarantine", *["reject"] * 5, "Reject", "rejct"])}'] if rnd.random() < 0.95 else []
    for tag, values, chance in (('sp', ['none', 'none', 'quarantine', 'quarantine', 'reject', 'reject', 'x'], 0.3), ('adkim', ['r', 's', 'S'], 0.3), ('aspf', ['r', 's'], 0.3),
                                ('fo', ['0', '1', 'd:s'], 0.2), ('pct', ['100'], 0.1), ('ri', ['86400'], 0.1), ('x', ['1'], 0.1),
                                ('rua', ['mailto:r@{0}', 'mailto:r@{0}!10m', 'nonsense'], 0.4)):
        if rnd.random() < chance:
            tags.append(f'{tag}={rnd.choice(values)}')
    return 'v=DMARC1' + rnd.choice(['; ', ';', ' ; ']) + rnd.choice(['; ', ';']).join(tags) + rnd.choice(['', ';'])


def make_zone(rnd):
    zone = {}
    for org in ORGS:
        for label in LABELS:
            zone[label + org] = [{'A': '192.0.2.1'}]
            text = record(rnd)
            if text:
                zone['_dmarc.' + label + org] = [{'TXT': text.format(org)}]
    if rnd.random() < 0.2:
        zone['_dmarc.alpha.com'] = [{'TXT': 'v=DMARC1; p=reject'}, {'TXT': 'v=DMARC1; p=none'}]
    return zone


def make_message(rnd):
    name = lambda: rnd.choice(LABELS) + rnd.choice(ORGS[:2] if rnd.random() < 0.7 else ORGS)
    author = name()
    own = next(org for org in ORGS if author.endswith(org))
    near = lambda: rnd.choice([author, rnd.choice(LABELS) + own, name()])
    return author, (rnd.choice(RESULTS), near()), [(rnd.choice(RESULTS[:5]), near()) for _ in range(rnd.randrange(3))]


def zone_lines(zone):
    return [f'{name} {kind} {data}' for name, rows in zone.items() for row in rows for kind, data in row.items()]


def text_at(zone, name):
    return [r['TXT'] for r in zone.get('_dmarc.' + name, [])]


def tags_of(text):
    tags = {}
    for part in text.split(';'):
        key, _, value = part.partition('=')
        tags.setdefault(key.strip(), value.strip())
    return tags


POLICIES = ('none', 'quarantine', 'reject')


def broken(text):
    tags = tags_of(text)
    return tags.get('p', '').lower() not in POLICIES or tags.get('sp', 'none').lower() not in POLICIES


# ---- Mail::DMARC ----

ZONES, MESSAGES = 40, 60


def why_perl(zone, ours, theirs):
    """A known reason for a difference, or None."""
    if 'invalid disposition' in theirs.get('error', ''):
        return 'a record with a wrong sp makes it die'
    nothing = theirs['result'] in ('none', 'fail') and theirs['disposition'] == 'none'
    if ours['result'] == 'permerror' and nothing:
        return 'a record that cannot be used: permerror here (RFC 8601 2.7.6), none or fail without action there'
    if ours['record_domain'] and nothing and any(broken(t) for t in text_at(zone, ours['record_domain'])):
        return 'a record with a wrong policy and a rua is p=none here (RFC 9989 4.7, RFC 7489 6.6.3 6), and none at all there'
    return None


@suite('dmarc-perl')
def perl(score):
    if subprocess.run(['perl', '-MMail::DMARC', '-e1'], stderr=subprocess.DEVNULL).returncode:
        raise Skip('libmail-dmarc-perl is not installed')
    rnd = random.Random(9989)
    with Judge('dmarc') as judge:
        for z in range(ZONES):
            zone = make_zone(rnd)
            server = Zone(zone_lines(zone))
            peer = subprocess.Popen(['perl', os.path.join(LIB, 'dmarc_peer.pl'), str(server.port)], stdin=subprocess.PIPE,
                                    stdout=subprocess.PIPE, text=True)
            first = True
            for m in range(MESSAGES):
                author, spf, dkim = make_message(rnd)
                peer.stdin.write(json.dumps({'from': author, 'spf': spf, 'dkim': dkim}) + '\n')
                peer.stdin.flush()
                theirs = json.loads(peer.stdout.readline())
                theirs['disposition'] = theirs.get('disposition', '').lower()
                request = {'zone': zone} if first else {}
                first = False
                ours = judge.ask(header=f'From: x@{author}\r\n\r\n', spf=spf, dkim=dkim, method='psl', **request)
                compare(score, f'{z}/{m} {author} spf={spf} dkim={dkim} {text_at(zone, author)} {text_at(zone, ours["org_domain"])}',
                        zone, ours, theirs)
            peer.stdin.close()
            peer.wait()
            server.stop()


SEEN = {}


def compare(score, case, zone, ours, theirs):
    keys = ('result', 'disposition', 'spf', 'dkim') if ours['record_domain'] else ('result', 'disposition')
    if all(ours[k] == theirs.get(k) for k in keys):
        score.check(case, True)
    else:
        why = why_perl(zone, ours, theirs)
        if not why:
            score.check(case, False, f'ours {ours}, theirs {theirs}')
            return
        score.explained += 1
        if why not in SEEN:  # one of each kind is told
            SEEN[why] = True
            print(f'differs {score.name}: {case}: {why}', flush=True)
