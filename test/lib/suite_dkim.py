"""DKIM: a corpus of signed messages, good and bad, and other implementations beside ours: python3-dkim,
opendkim-testmsg and Mail::DKIM verify what we sign, we verify what python3-dkim signs, and the body hashes of
real mail fit for us exactly when they fit for python3-dkim."""
import base64, os
from judge import Judge, Skip, conformance, suite

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
