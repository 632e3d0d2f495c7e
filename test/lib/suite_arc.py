"""ARC: the community's suite of validation and sealing cases."""
import base64, os, re, subprocess, tempfile
from judge import Judge, Skip, conformance, suite

EXPLAINED = {
    'ams_fields_c_na': 'c= is not there: the suite means relaxed/relaxed, RFC 8617 4.1.2 takes the default of DKIM, '
                       'simple/simple',
}


def scenarios(name):
    try:
        import yaml
    except ImportError:
        raise Skip('python3-yaml is not installed')
    with open(os.path.join(conformance('arc'), name), encoding='utf-8') as f:
        return list(yaml.safe_load_all(f))


def zone_of(scenario):
    return {name: {'TXT': re.sub(r'\s*\n\s*', '', text)} for name, text in scenario['txt-records'].items()}


def crlf(message):
    return message.replace('\n', '\r\n')


@suite('arc-validate')
def validate(score):
    with Judge('arc') as judge:
        for scenario in scenarios('arc-draft-validation-tests.yml'):
            zone = zone_of(scenario)
            for name, case in scenario['tests'].items():
                want = (case['cv'] or '').strip().lower()
                got = judge.ask(do='verify', zone=zone, message=crlf(case['message']), now=12345)
                # Left open by the suite: a seal with cv=fail. Such a chain fails (RFC 8617 5.2).
                good = got['result'] == (want or 'fail')
                if not good and name in EXPLAINED:
                    score.differs(name, EXPLAINED[name])
                else:
                    score.check(name, good, f'{got["result"]} ({got["reason"]}), not {want}: {case["description"]}')


def tags(text):
    """{"i": "1", ...} without white space, which is not part of these values."""
    parts = [part for part in re.sub(r'\s+', '', text).split(';') if part]
    return dict(part.split('=', 1) for part in parts)


def results(text):
    """i=1, the name, and each result with one space between its words."""
    return [' '.join(part.split()) for part in text.split(';') if part.strip()]


def fields(text):
    return {name.lower(): value for name, value in re.findall(r'^([\w-]+):((?:.*\r\n)(?:[ \t].*\r\n)*)', text, re.M)}


def relaxed(name, value):
    return f'{name.lower()}:{" ".join(value.split())}'


def signature_fits(set_, zone):
    """Whether the seal of one set signs this set alone, by OpenSSL; None where it is not there. set_: fields()."""
    seal = set_['arc-seal']
    data = ''.join(relaxed(name, set_[name]) + '\r\n' for name in (
        'arc-authentication-results', 'arc-message-signature'))
    data += relaxed('arc-seal', re.sub(r'(\bb=)[^;]*', r'\1', seal))
    tag = tags(seal)
    record = zone[f'{tag["s"]}._domainkey.{tag["d"]}']['TXT']
    with tempfile.TemporaryDirectory(prefix='arc-') as dir:
        path = lambda name: os.path.join(dir, name)
        for name, content in (('key', base64.b64decode(tags(record)['p'])), ('sig', base64.b64decode(tag['b'])),
                              ('data', data.encode())):
            with open(path(name), 'wb') as f:
                f.write(content)
        return subprocess.run(['openssl', 'dgst', '-sha256', '-keyform', 'DER', '-verify', path('key'),
                               '-signature', path('sig'), path('data')], stdout=subprocess.DEVNULL).returncode == 0


def suites_set(case):
    """The set that the suite expects, as fields. Its seals were made over message signatures whose b= has no
    white space in it."""
    one_line = {key: ' '.join(case[key].split()) for key in ('AAR', 'AMS', 'AS')}
    ams = re.sub(r'\bb=[^;]*', lambda b: b[0].replace(' ', ''), one_line['AMS'])
    return (f'ARC-Seal: {one_line["AS"]}\r\nARC-Message-Signature: {ams}\r\n'
            f'ARC-Authentication-Results: {one_line["AAR"]}\r\n')


def sealed_wrong(case, made, zone, judge):
    """What is wrong with the three fields made, or ''. b= is not compared as text: it depends on the order of tags
    and on folding, which are the sealer's choice. Both are verified instead; that the suite's own set verifies on
    the same message shows that it signs the same bytes as ours."""
    got = fields(made)
    aar, ams, seal = (got.get('arc-' + n, '') for n in ('authentication-results', 'message-signature', 'seal'))
    if results(aar) != results(case['AAR']):
        return f'results {results(aar)}, not {results(case["AAR"])}'
    for text, want in ((ams, tags(case['AMS'])), (seal, tags(case['AS']))):
        have = tags(text)
        if {**have, 'b': ''} != {**want, 'b': ''}:
            return f'tags {have}, not {want}'
    for whose, set_ in (('our', made), ('the suite\'s', suites_set(case))):
        if tags(seal)['cv'] == 'fail':  # signs itself alone
            if not signature_fits(fields(set_), zone):
                return f'{whose} seal does not sign its set alone'
            continue
        verdict = judge.ask(do='verify', zone=zone, message=set_ + crlf(case['message']), now=12345)
        if verdict['result'] != 'pass':
            return f'{whose} set: {verdict["reason"]}'
    return ''


@suite('arc-seal')
def seal(score):
    with Judge('arc') as judge:
        for scenario in scenarios('arc-draft-sign-tests.yml'):
            zone = zone_of(scenario)
            for name, case in scenario['tests'].items():
                made = judge.ask(do='seal', message=crlf(case['message']), key=scenario['privatekey'],
                                 domain=scenario['domain'], selector=scenario['sel'],
                                 authserv_id=case['srv-id'], sign=case['sig-headers'].split(':'), now=int(case['t']))
                if not case['AS'].strip():
                    score.check(name, not made['fields'] and made['why'], f'sealed: {made["fields"]}')
                    continue
                wrong = sealed_wrong(case, made['fields'], zone, judge) if made['fields'] else made['why']
                score.check(name, not wrong, wrong)
