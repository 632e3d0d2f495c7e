"""DKIM: a corpus of signed messages, good and bad, and other implementations beside ours: python3-dkim,
opendkim-testmsg and Mail::DKIM verify what we sign, we verify what python3-dkim signs, and the body hashes of
real mail fit for us exactly when they fit for python3-dkim."""
import base64, os, re, subprocess, tempfile
import dkim_peers
from judge import SHARED, Judge, Skip, conformance, suite

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


def corpus_messages(name):
    """Raw messages of ../shared/corpora/NAME.tar.zst with a DKIM-Signature, as they go over the wire."""
    archive = os.path.join(SHARED, 'corpora', name + '.tar.zst')
    if not os.path.exists(archive):
        raise Skip(f'../shared/corpora/{name}.tar.zst is not here')
    with tempfile.TemporaryDirectory() as d:
        subprocess.run(['tar', '-x', '-f', archive, '-C', d], check=True)
        for base, _, names in sorted(os.walk(d)):
            for file in sorted(names):
                with open(os.path.join(base, file), 'rb') as f:
                    data = f.read()
                if re.search(rb'(?im)^dkim-signature\s*:', data.replace(b'\r\n', b'\n').partition(b'\n\n')[0]):
                    yield f'{name}/{file}', crlf(data)


def fits_for_dkimpy(dkim, d, index):
    """Whether bh= of that signature is the digest that python3-dkim makes of the body; a text: it does not take
    the field."""
    from dkim.canonicalization import CanonicalizationPolicy
    from dkim.util import parse_tag_value
    try:
        sig = parse_tag_value([v for k, v in d.headers if k.lower() == b'dkim-signature'][index])
        if sig.get(b'x', b'').isdigit():
            del sig[b'x']  # long past, which is not asked here
        dkim.validate_signature_fields(sig)
        body = CanonicalizationPolicy.from_c_value(sig.get(b'c', b'simple/simple')).canonicalize_body(d.body)
        length = int(sig[b'l']) if b'l' in sig else len(body)
        h = dkim.HASH_ALGORITHMS[sig[b'a']](body[:length])
        return length <= len(body) and h.digest() == base64.b64decode(re.sub(rb'\s+', b'', sig[b'bh']))
    except Exception as e:  # whatever it raises for fields that it does not take
        return f'{type(e).__name__}: {e}'


def other_reading(fault, theirs):
    """Why only one of us may take a field, or None."""
    if 'h= is not valid' in fault and not isinstance(theirs, str):
        return 'names were cut out of h= when the mail was made anonymous; python3-dkim does not look at the form of h='
    if not fault and isinstance(theirs, str) and 'b= value is not valid base64' in theirs:
        return 'b= was cut short: not refused as base64 without padding, but no signature of any key has that length'
    if not fault and isinstance(theirs, str) and 'i= domain' in theirs and '\\r\\n' in theirs:
        return 'i= is folded, which RFC 6376 2.11 allows; python3-dkim compares it with the fold'


@suite('dkim-real-bodies')
def real_bodies(score):
    """Real mail: the keys are gone, but bh= fits the body or not, for us exactly when for python3-dkim."""
    dkim = dkim_peers.import_dkim()
    signatures = fitting = unreadable = 0
    with Judge('dkim') as judge:
        for corpus in ('dev-mlist', 'dev-foff', 'dev-pp', 'dev-glitchy', 'dev-trans'):
            for name, message in corpus_messages(corpus):
                d = dkim.DKIM(message)
                for index, ours in enumerate(judge.ask(do='body', message=b64(message))['signatures']):
                    theirs = fits_for_dkimpy(dkim, d, index)
                    signatures += 1
                    fitting += ours['fits']
                    if other_reading(ours['fault'], theirs):
                        unreadable += 1
                        score.differs(f'{name} {index}', other_reading(ours['fault'], theirs))
                    elif isinstance(theirs, str) or ours['fault']:
                        unreadable += 1
                        why = f'ours: {ours["fault"] or "readable"}; theirs: {theirs}'
                        score.check(f'{name} {index}', bool(ours['fault']) == isinstance(theirs, str), why)
                    else:
                        score.check(f'{name} {index}', ours['fits'] == theirs, f'we say {ours["fits"]}, python3-dkim {theirs}')
    print(f'dkim-real-bodies: of {signatures} signatures {fitting} fit the body, {unreadable} are unreadable')
