"""SPF: the community's suites for RFC 7208 and RFC 4408, and the Python implementation beside ours."""
import os
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


def run_scenarios(score, file, explained):
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
                what = f'{got["result"]}, not {" or ".join(results)}; explanation {said!r}, not {want!r}; {got["problem"]}'
                if not good and name in explained:
                    score.differs(name, explained[name])
                else:
                    score.check(name, good, what)


@suite('spf-7208')
def rfc7208(score):
    run_scenarios(score, 'rfc7208-tests.yml', {})


@suite('spf-4408')
def rfc4408(score):
    run_scenarios(score, 'rfc4408-tests.yml', {})
