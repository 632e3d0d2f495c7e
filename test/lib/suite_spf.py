"""SPF: the community's suites for RFC 7208 and RFC 4408, and the Python implementation beside ours."""
import os, random, re, sys
from judge import Judge, Skip, conformance, suite


def scenarios(name):
    try:
        import yaml
    except ImportError:
        raise Skip('python3-yaml is not installed')
    with open(os.path.join(conformance('spf'), name), encoding='utf-8') as f:
        return list(yaml.safe_load_all(f))


def txt_zone(zonedata):
    """The suite's convention: a record of type SPF stands for the same one of type TXT, unless the name
    has a TXT record of its own; "TXT: NONE" is such a record that is not there."""
    zone = {}
    for name, records in zonedata.items():
        own = any('TXT' in r for r in records if isinstance(r, dict))
        rows = []
        for r in records:
            if isinstance(r, dict) and 'SPF' in r:
                r = {} if own else {'TXT': r['SPF']}
            if r and r != {'TXT': 'NONE'}:
                rows.append(r)
        zone[name] = rows
    return zone


def run_scenarios(score, file):
    with Judge('spf') as judge:
        for scenario in scenarios(file):
            zone = txt_zone(scenario['zonedata'])
            for name, case in scenario['tests'].items():
                results = case['result'] if isinstance(case['result'], list) else [case['result']]
                got = judge.ask(zone=zone, ip=case['host'], helo=case['helo'], mail_from=case['mailfrom'],
                                receiver='receiver.example.com')
                want = case.get('explanation')
                said = got['explanation'] or 'DEFAULT'
                good = got['result'] in results and (want is None or want == said)
                score.check(name, good, f'{got["result"]}, not {" or ".join(results)}; explanation {said!r}, '
                                        f'not {want!r}; {got["problem"]}')


@suite('spf-7208')
def rfc7208(score):
    run_scenarios(score, 'rfc7208-tests.yml')


@suite('spf-4408')
def rfc4408(score):
    """The older RFC's suite, of which we found no case that RFC 7208 decides otherwise for TXT records."""
    run_scenarios(score, 'rfc4408-tests.yml')


# ---- beside python3-spf ----

CASES = 4000
DOMAINS = ['a.test', 'b.test', 'c.test', 'sub.a.test', 'none.test', 'slow.test', 'alias.test']
HOSTS = ['h.test', 'mx.a.test', 'mx6.test', 'void.test', 'alias.test', 'slow.test', 'x.sub.a.test']
CLIENTS = ['192.0.2.1', '192.0.2.77', '198.51.100.9', '2001:db8::1', '2001:db8:5::77']
SENDERS = ['user@a.test', 'user+tag-x@a.test', 'u.s.e.r@a.test', '"a b"@a.test', '', 'x@A.Test', 'lö@a.test']
MACROS = ['%{d}', '%{d2}', '%{dr}', '%{l}', '%{l1r-}', '%{i}', '%{ir}', '%{v}', '%{h}', '%{o}', '%{S}', '%{lr+-}', '%%',
          '%{p}', '%{s}']
BAD_MACROS = ['%{c}', '%{d0}', '%{x}', '%(d)', '%', '%{d', '%{r}', '%{t}']


class Made:
    """A random zone: records from the grammar, some of them then damaged."""

    def __init__(self, seed):
        self.dice = random.Random(seed)
        self.zone = {
            'h.test': [{'A': '192.0.2.1'}, {'AAAA': '2001:db8::1'}],
            'mx.a.test': [{'A': '192.0.2.70'}, {'A': '198.51.100.8'}],
            'mx6.test': [{'AAAA': '2001:db8:5::1'}],
            'void.test': [{'MX': [10, 'mx6.test']}],
            'slow.test': ['TIMEOUT'],
            'alias.test': [{'CNAME': 'b.test'}],
            '1.2.0.192.in-addr.arpa': [{'PTR': 'h.test'}, {'PTR': 'other.test'}],
            '9.100.51.198.in-addr.arpa': [{'PTR': 'x.sub.a.test'}],
            'x.sub.a.test': [{'A': '198.51.100.9'}],
            'in-addr.l.test': [{'A': '127.0.0.2'}],
            'user.l.test': [{'A': '127.0.0.2'}],
            'why.test': [{'TXT': 'not from %{c}, %{l}'}],
        }
        for domain in DOMAINS[:4]:
            rows = [{'TXT': self.record()} for _ in range(self.dice.choice([1] * 30 + [0, 2]))]
            hosts = self.dice.choice([['h.test'], ['mx.a.test', 'mx6.test'], [], [f'm{i}.test' for i in range(11)]])
            rows += [{'MX': [10, host]} for host in hosts]
            rows += [{'A': self.dice.choice(CLIENTS[:3])}] * self.dice.randint(0, 1)
            self.zone[domain] = rows

    def domain_spec(self):
        d = self.dice
        if d.random() < 0.6:
            return d.choice(DOMAINS + HOSTS)
        macro = d.choice(MACROS if d.random() < 0.95 else BAD_MACROS)
        return d.choice([macro, macro + '.l.test', macro + '.' + d.choice(DOMAINS), 'x-' + macro + '.a.test'])

    def prefix(self):
        d = self.dice
        return d.choice(['', '', f'/{d.randint(0, 33)}', f'//{d.randint(0, 130)}', f'/{d.randint(0, 32)}//{d.randint(0, 128)}'])

    def term(self):
        d = self.dice
        kind = d.choice(['a', 'mx', 'ptr', 'ip4', 'ip4', 'ip6', 'ip6', 'include', 'include', 'exists', 'all', 'modifier', 'exp', 'redirect'])
        sign = d.choice(['', '', '', '+', '-', '~', '?'])
        if kind in ('a', 'mx'):
            return sign + kind + d.choice(['', ':' + self.domain_spec()]) + self.prefix()
        if kind == 'ptr':
            return sign + kind + d.choice(['', ':' + self.domain_spec()])
        if kind in ('include', 'exists'):
            return sign + kind + ':' + self.domain_spec()
        if kind == 'ip4':
            return sign + f'ip4:{d.choice(CLIENTS[:3])}' + d.choice(['', f'/{d.randint(0, 33)}'])
        if kind == 'ip6':
            return sign + f'ip6:{d.choice(CLIENTS[3:] + ["::", "2001:DB8::192.0.2.1"])}' + d.choice(['', f'/{d.randint(0, 129)}'])
        if kind == 'all':
            return sign + 'all'
        return {'modifier': d.choice(['ra=x', 'moo=%{d}', 'x.y-z=']), 'exp': 'exp=why.test', 'redirect': 'redirect=' + self.domain_spec()}[kind]

    def damage(self, text):
        d = self.dice
        at = d.randrange(len(text))
        return d.choice([text[:at] + text[at + 1:], text[:at] + d.choice(':/=%{}.-_+ 0a9\t,é') + text[at:],
                         text[:at] + text[at:].upper(), text[:at] + d.choice('/:=.') * 2 + text[at + 1:]])

    def record(self):
        terms = [self.term() for _ in range(self.dice.randint(0, 7))]
        if self.dice.random() < 0.7:
            terms.append(self.dice.choice(['-all', '~all', '?all', 'redirect=' + self.domain_spec()]))
        text = ' '.join(['v=spf1', *terms])
        return self.damage(text) if self.dice.random() < 0.15 else text


def made_lookup(zone):
    """python3-spf's DNS layer over the same zone."""
    import spf

    def lookup(name, qtype, strict=True, timeout=None):
        answers, rows = [], zone.get(name.lower().rstrip('.'), [])
        for row in rows:
            if row == 'TIMEOUT':
                if not any(k[1] == qtype for k, _ in answers):
                    raise spf.TempError('DNS timeout')
                continue
            (kind, value), = row.items()
            if kind in (qtype, 'CNAME'):
                value = [value.encode()] if kind == 'TXT' else tuple(value) if kind == 'MX' else value
                answers.append(((name, kind), value))
        return answers
    return lookup


def their_answer(zone, ip, sender, helo):
    import spf
    spf.DNSLookup = made_lookup(zone)
    asked = spf.query(i=ip, s=sender, h=helo, receiver='r.test', timeout=5)
    try:
        result, _, text = asked.check()
    except Exception as e:  # it has errors of its own
        return 'crash', f'{type(e).__name__}: {e}'
    return result, text


def texts_of(zone):
    return [row['TXT'] for rows in zone.values() for row in rows if isinstance(row, dict) and 'TXT' in row]


def terms_of(zone):
    return [term for text in texts_of(zone) if text.lower().startswith('v=spf1') for term in text.split(' ')[1:] if term]


def explain(zone, sender, ours, theirs, text):
    """Why the two may differ, or None: what RFC 7208 says, and that theirs is this case."""
    modifier = re.search(r'([A-Za-z0-9._-]+)= MUST appear at most once', text)
    if 'trivial recursion' in text:
        return 'an include of the own domain is no syntax error: a term before it may decide'
    if modifier and modifier.group(1).lower() not in ('redirect', 'exp'):
        return 'unknown modifiers are ignored however often they appear (section 6)'
    if 'Void lookup limit' in text and ours['voids'] <= 2:
        return 'terms without an answer are counted (4.6.4), not every empty answer: hosts of an mx, an unanswered PTR again'
    if 'begins no macro' in ours['problem'] and re.search(r'%\{[a-z]0|%\{[^}]*$|%\{[^}]* ', ' '.join(texts_of(zone)), re.I):
        return '%{d0} and a macro without its } are syntax errors (section 7)'
    if 'invalid-macro-char : %%' in text and any(t.split('/')[0].endswith('%%') for t in terms_of(zone)):
        return 'a domain-spec may end with %% (domain-end in section 12)'
    if 'c,r,t macros' in text and any('=' in t and '{r}' in t and not t.startswith(('exp=', 'redirect=')) for t in terms_of(zone)):
        return 'an unknown modifier is ignored, whatever macros are in it (section 6)'
    if not sender.isascii() and re.search(r'%\{[ls]', ' '.join(texts_of(zone)), re.I):
        return 'a local part beyond ASCII in %{l} or %{s} matches nothing (RFC 8616 section 4)'
    if any(re.match('(redirect|exp)=', t, re.I) and not re.match('(redirect|exp)=', t) for t in terms_of(zone)):
        return 'names of modifiers have no case (RFC 5234 section 2.3)'
    return None


@suite('spf-python')
def beside_python(score):
    sys.path.append('/usr/lib/python3/dist-packages')
    try:
        import spf  # noqa: F401
    except ImportError:
        raise Skip('python3-spf is not installed')
    told = {}
    with Judge('spf') as judge:
        for seed in range(CASES):
            made = Made(seed)
            ip, sender = made.dice.choice(CLIENTS), made.dice.choice(SENDERS)
            ours = judge.ask(zone=made.zone, ip=ip, helo='a.test', mail_from=sender, receiver='r.test')
            theirs, text = their_answer(made.zone, ip, sender, 'a.test')
            if ours['result'] == theirs:
                score.check(seed, True)
                continue
            why = explain(made.zone, sender, ours, theirs, text)
            if why:
                told.setdefault(why, []).append(seed)
            else:
                score.check(seed, False, f'{ip} {sender}: ours {ours["result"]} ({ours["problem"] or ours["mechanism"]}), '
                                         f'theirs {theirs} ({text}); {texts_of(made.zone)}')
    for why, seeds in told.items():
        score.explained += len(seeds) - 1
        score.differs(f'{len(seeds)} cases, such as {seeds[0]}', why)
