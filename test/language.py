#!/usr/bin/env python3
"""What words want: the letters of test/letters, which nobody learned from, examined with the shipped rules and model. Each
spam is found to be what it is (test/letters/expected: class, intent, pressure), and no honest letter, though it speaks of
passwords, payments, invoices or fraud, gets more than a small score of rules.

    test/language.py [-v] [NAME ...]        -v: every finding of every letter
"""
import glob, os, re, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from judge import ROOT, Judge

LETTERS = os.path.join(ROOT, 'test', 'letters')
US = 'posthouse.example'
HAM_SCORE = 1.0       # of the rules together, at most
HAM_PROBABILITY = 0.9
MISSED = 4            # letters of spam whose class may go unseen
WANTED = 0.9          # of everything that is expected
LIKELY = 0.85         # of spam, more likely spam than not


def shipped():
    """{name of a rule: (score, class)}"""
    out = {}
    for path in glob.glob(os.path.join(ROOT, 'data/rules/*.rules')):
        for name, score, kind in re.findall(r'^rule (\S+) (\S+) ?(\S*)', open(path, encoding='utf-8').read(), re.M):
            out[name] = float(score), kind or 'spam'
    return out


def expected():
    out = {}
    for line in open(os.path.join(LETTERS, 'expected'), encoding='utf-8'):
        if not line.startswith('#'):
            name, _, words = line.strip().partition('\t')
            out[name] = words.split()
    return out


class Tally:
    passed = failed = 0

    def check(self, what, good, why=''):
        self.passed += good
        self.failed += not good
        print(f'ok {what}' if good else f'FAIL {what}: {why}')


def main():
    names = [a for a in sys.argv[1:] if a != '-v']
    rules, wanted, tally = shipped(), expected(), Tally()
    judge = Judge('letter', '--model', os.path.join(ROOT, 'data/learn/base.model'),
                  *(a for path in sorted(glob.glob(os.path.join(ROOT, 'data/rules/*.rules'))) for a in ('--rules', path)))
    missed, found, likely = [], 0, 0
    for path in sorted(glob.glob(os.path.join(LETTERS, '*', '*.eml'))):
        name = os.path.relpath(path, LETTERS)[:-len('.eml')]
        if names and name not in names:
            continue
        report = judge.ask(path=path, context={'rcpts': [f'li.na@{US}']}, site={'domains': [US]})
        held = {s['name']: rules[s['name']] for s in report['signals'] if s['name'] in rules}
        score = sum(points for points, _ in held.values())
        told = ' '.join(f'{n}={points}' for n, (points, _) in sorted(held.items()))
        if '-v' in sys.argv:
            print(f'   {name}: {report["probability"]:.3f}, rules {score:.1f}: {told}')
        if name.startswith('ham/'):
            tally.check(f'{name}: small score', score <= HAM_SCORE, told)
            tally.check(f'{name}: no spam', report['probability'] < HAM_PROBABILITY, f'{report["probability"]:.3f}')
            continue
        seen = set(held) | {kind for points, kind in held.values() if points > 0}
        kind, *rest = wanted[name]
        found += len(seen & set(wanted[name]))
        likely += report['probability'] >= 0.5
        if kind not in seen:
            missed.append(name)
            print(f'   missed: {name} is {kind}: {told}')
        if set(rest) - seen:
            print(f'   unseen: {name}: {" ".join(sorted(set(rest) - seen))}')
    if not names:
        everything = sum(map(len, wanted.values()))
        tally.check('every letter is expected to be something', sorted(wanted) == sorted(
            os.path.relpath(p, LETTERS)[:-4] for p in glob.glob(os.path.join(LETTERS, 'spam', '*.eml'))), 'test/letters/expected')
        tally.check(f'{len(wanted) - len(missed)} of {len(wanted)} kinds seen', len(missed) <= MISSED, ' '.join(missed))
        tally.check(f'{found} of {everything} findings', found >= WANTED * everything, 'too few')
        tally.check(f'{likely} of {len(wanted)} likely spam', likely >= LIKELY * len(wanted), 'too few')
    print(f'{tally.passed} passed, {tally.failed} failed')
    return tally.failed > 0


if __name__ == '__main__':
    sys.exit(main())
