"""DKIM: a corpus of signed messages, good and bad, and other implementations beside ours: python3-dkim,
opendkim-testmsg and Mail::DKIM verify what we sign, we verify what python3-dkim signs, and the body hashes of
real mail fit for us exactly when they fit for python3-dkim."""
import base64, os, subprocess, tempfile
import dkim_peers
from judge import Judge, conformance, suite

NOW = 1700000000


def crlf(data):
    return data.replace(b'\r\n', b'\n').replace(b'\n', b'\r\n')


def b64(data):
    return base64.b64encode(data).decode()


def corpus_zone(folder):
    zone = {}
    with open(os.path.join(folder, 'FAKE_DNS.dat'), encoding='utf-8') as f:
        for line in f:
            name, _, text = line.strip().partition(' ')
            text = text.strip()
            if not name or name.startswith('#') or text == 'NXDOMAIN':
                continue
            zone[name] = ['TIMEOUT'] if text.startswith('~~') else [{'TXT': text.strip('"')}]
    return zone


WEAK = ('the key is shorter than 1024 bits', 'the signature uses SHA-1')


def deviation(name, message, signatures):
    """Why a message that the corpus calls good does not pass, or None."""
    if '_dk_' in name:
        return 'signed by DomainKeys alone (RFC 4870, historic since 2007), which is not DKIM: none'
    if 'ietf0' in name:
        return 'signed after a draft from before RFC 4871, without v=1 and bh=: neutral'
    if any(s['reason'] in WEAK for s in signatures):
        return f'the signature verifies, but RFC 8301 forbids to count it: {signatures[0]["reason"]}: policy'


@suite('dkim-corpus')
def corpus(score):
    folder = conformance('dkim')
    zone = corpus_zone(folder)
    with Judge('dkim') as judge:
        for name in sorted(os.listdir(os.path.join(folder, 'corpus'))):
            with open(os.path.join(folder, 'corpus', name), 'rb') as f:
                message = crlf(f.read())
            signatures = judge.ask(do='verify', zone=zone, message=b64(message), now=NOW)['signatures']
            results = {s['result'] for s in signatures} or {'none'}
            told = ', '.join(f'{s["result"]} ({s["reason"]})' for s in signatures) or 'none'
            if 'good' in name and 'pass' not in results and deviation(name, message, signatures):
                score.differs(name, deviation(name, message, signatures))
            elif 'good' in name:
                score.check(name, results == {'pass'}, told)
            elif 'bad' in name:
                score.check(name, 'pass' not in results, told)
            elif 'ignore' in name:
                score.check(name, results <= {'neutral', 'none'}, told)
            else:  # no expectation in the name: an answer, and none of them is good by today's rules
                score.check(name, 'pass' not in results, told)


MESSAGES = 120


def signed_by_us(judge, keys, message, which=('rsa', 'ed')):
    fields = judge.ask(do='sign', message=b64(message), domain='example.com', identity='user@sub.example.com', now=NOW,
                       keys=keys.pems(which))['fields']
    return fields.encode() + message


def verdict_of_dkimpy(dkim, keys, message, index):
    try:
        return 'pass' if dkim.DKIM(message, minkey=1024).verify(index, dnsfunc=keys.txt) else 'fail'
    except dkim.DKIMException as e:
        return f'fail ({e})'


@suite('dkim-sign-dkimpy')
def sign_dkimpy(score):
    dkim = dkim_peers.import_dkim()
    with tempfile.TemporaryDirectory() as d, Judge('dkim') as judge:
        keys = dkim_peers.Keys(d)
        for seed in range(MESSAGES):
            message = signed_by_us(judge, keys, dkim_peers.nasty_message(seed))
            got = [verdict_of_dkimpy(dkim, keys, message, i) for i in (0, 1)]
            score.check(f'message {seed}', got == ['pass', 'pass'], f'{got}: {message[:3000]!r}')


def sign_files(score, command, which):
    with tempfile.TemporaryDirectory() as d, Judge('dkim') as judge:
        keys = dkim_peers.Keys(d)
        messages = [signed_by_us(judge, keys, dkim_peers.nasty_message(seed), which) for seed in range(MESSAGES)]
        for seed, got in enumerate(dkim_peers.ask_files(command(d), keys.file, messages)):
            score.check(f'message {seed}', got == ['pass'] * len(which), f'{got}: {messages[seed][:3000]!r}')


@suite('dkim-sign-opendkim')
def sign_opendkim(score):
    sign_files(score, lambda d: [dkim_peers.compile_opendkim(d), 'check'], ('rsa',))  # Debian's knows no ed25519


@suite('dkim-sign-mail-dkim')
def sign_mail_dkim(score):
    dkim_peers.have_mail_dkim()
    sign_files(score, lambda d: ['perl', '-e', dkim_peers.MAIL_DKIM], ('rsa',))  # Debian's knows no ed25519


@suite('dkim-verify-dkimpy')
def verify_dkimpy(score):
    """python3-dkim signs in all forms; we verify, and refuse the same with a changed body or header."""
    dkim = dkim_peers.import_dkim()
    forms = [(a, b) for a in (b'simple', b'relaxed') for b in (b'simple', b'relaxed')]
    with tempfile.TemporaryDirectory() as d, Judge('dkim') as judge:
        keys = dkim_peers.Keys(d)
        for seed in range(MESSAGES):
            message = dkim_peers.nasty_message(seed)
            form, length, ed = forms[seed % 4], seed % 3 == 0, seed % 8 >= 4
            line = dkim.DKIM(message).sign(b'ed' if ed else b'rsa', b'example.com', keys.ed_seed if ed else keys.pem['rsa'],
                                           signature_algorithm=b'ed25519-sha256' if ed else b'rsa-sha256', canonicalize=form, length=length)
            what = f'message {seed} {form} {"ed25519" if ed else "rsa"}{" l=" if length else ""}'
            for chunk in (1, 7, 1 << 20):
                got = judge.ask(do='verify', zone=keys.zone, message=b64(line + message), chunk=chunk, now=1 << 40)['signatures'][0]
                score.check(f'{what} in pieces of {chunk}', got['result'] == 'pass',
                            f'{got}: {(line + message)[:3000]!r}')
            header, _, body = message.partition(b'\r\n\r\n')
            worse = {'body': header + b'\r\n\r\nadded' + body, 'header': header.replace(b'<user', b'<evil') + b'\r\n\r\n' + body}
            for part, changed in worse.items():
                got = judge.ask(do='verify', message=b64(line + changed), now=1 << 40)['signatures'][0]
                # l=0, of a body that is empty in the relaxed form, leaves all that is added unsigned
                partial = length and part == 'body' and form[1] == b'relaxed' and not body.strip()
                want = 'policy' if partial else 'fail'
                score.check(f'{what}, changed {part}', got['result'] == want, f'{got}')


@suite('dkim-verify-opendkim')
def verify_opendkim(score):
    """libopendkim signs in all forms; we verify."""
    with tempfile.TemporaryDirectory() as d, Judge('dkim') as judge:
        keys = dkim_peers.Keys(d)
        program = dkim_peers.compile_opendkim(d)
        for forms in ('ss', 'sr', 'rs', 'rr'):
            paths = []
            for seed in range(MESSAGES // 4):
                paths.append(os.path.join(d, f'{forms}{seed}'))
                with open(paths[-1], 'wb') as f:
                    f.write(dkim_peers.nasty_message(seed))
            subprocess.run([program, 'sign', forms, keys.rsa_file, *paths], check=True)
            for path in paths:
                with open(path + '.signed', 'rb') as f:
                    message = f.read()
                got = judge.ask(do='verify', zone=keys.zone, message=b64(message), now=1 << 40)['signatures']
                score.check(os.path.basename(path), [s['result'] for s in got] == ['pass'], f'{got}: {message[:3000]!r}')
