#!/usr/bin/env python3
"""How well spam is told from ham: Posthouse's learning beside bogofilter, SpamAssassin and Rspamd from Debian, all
with the same training on the same messages. Ours is all that the product looks at in a letter: checks, rules, models;
nothing that needs the network, no filter asks it here.

    ./dev bench accuracy [--part half,time,fresh] [--seeds 3] [--cap 300] [--filters bogofilter,SpamAssassin,Rspamd] [--corpora DIR]

half    whole clusters of near-duplicates go to one side, half is learned, the other half judged; repeated with other
        seeds (peers: the first seed alone, they are slow)
time    of the collections with dates the older half is learned, the newer judged
fresh   the shipped model without learning: trained anew without the collection that it judges, or without any of them

Each set is shown by itself: overall figures flatter. "At its default": the filter's own threshold (ours: a probability
of 0.9); "at 0.5 % of ham": a threshold above which 0.5 % of the ordinary ham lies (hard ham left out of the choice).
At most --cap messages of a set and kind are judged, the same for all.
"""
import argparse, bisect, collections, math, os, statistics, sys, tempfile
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '../test/lib'), os.path.join(HERE, '../tools')]
import corpus, filters, peers

SPAM = 0.9  # the probability from which we call it spam
SETS = ('sa', 'csdmc', 'ccert', 'mlist', 'foff', 'glitchy', 'pp', 'trans')


def parse(text):
    """What learn prints: {path: (margin, probability)}."""
    found = {}
    for row in text.splitlines():
        p, margin, _, path = row.split('\t')[:4]
        found[path] = float(margin), float(p)
    return found


def capped(rows, cap):
    groups = collections.defaultdict(list)
    for r in rows:
        groups[r['set'], r['kind'], r['recall_only']].append(r)
    return [r for _, v in sorted(groups.items()) for r in sorted(v, key=lambda r: r['sha256_raw'])[:cap]]


def auc(ham, spam):
    ham = sorted(ham)
    return sum(bisect.bisect_left(ham, x) + bisect.bisect_right(ham, x) for x in spam) / (2 * len(ham) * len(spam))


def at(scores, allowed):
    """The threshold above which only that share of the scores lies."""
    scores = sorted(scores, reverse=True)
    return scores[int(len(scores) * allowed)] if scores else math.inf


def percent(hits):
    return f'{100 * sum(hits) / len(hits):.1f}' if hits else '-'


class Result:
    """One filter's judgement: {path: (score, flagged, probability or None)}."""

    def __init__(self, name, test, found):
        self.name, self.found = name, found
        self.rows = [r for r in test if r['path'] in found]
        self.missing = len(test) - len(self.rows)

    def scores(self, **want):
        return [self.found[r['path']][0] for r in self.rows if all(r[k] == v for k, v in want.items())]

    def cells(self, label, flagged):
        """Per set: what share is flagged."""
        out = {}
        for name in SETS:
            for kind in ('spam', 'phish', 'ham', 'hardham'):
                for other in (False, True):
                    hits = [flagged(self.found[r['path']]) for r in self.rows
                            if r['set'] == name and r['kind'] == kind and r['label'] == label and r['recall_only'] == other]
                    if hits:
                        out[f'{name}{" hard" if kind == "hardham" else ""}{" other languages" if other else ""} ({len(hits)})'] = percent(hits)
        return out

    def logloss(self):
        p = [(self.found[r['path']][2], r['label'] == 'spam') for r in self.rows if not r['recall_only']]
        if any(x is None for x, _ in p):
            return '-'
        return f'{-sum(math.log(max(1e-6, x if spam else 1 - x)) for x, spam in p) / len(p):.4f}'

    def area(self):
        """1 - AUC in percent: over all, and of each set that has both."""
        known = [s for s in SETS if self.scores(set=s, label='ham') and self.scores(set=s, label='spam', recall_only=False)]
        each = ' '.join(f'{s} {100 * (1 - auc(self.scores(set=s, label="ham"), self.scores(set=s, label="spam", recall_only=False))):.3f}' for s in known)
        ham, spam = self.scores(label='ham'), self.scores(label='spam', recall_only=False)
        total = f'{100 * (1 - auc(ham, spam)):.3f}' if ham and spam else '-'
        return f'all {total}; {each}'

    def show(self):
        print(f'\n### {self.name}' + (f' ({self.missing} not judged)' if self.missing else ''))
        ordinary = self.scores(kind='ham')
        modes = [('at its default', lambda x: x[1])]
        if all(self.found[r['path']][2] is not None for r in self.rows):
            modes.append(('probability 0.5', lambda x: x[2] >= 0.5))
        if ordinary:
            modes += [(f'at {100 * a:g} % of ham', lambda x, t=at(ordinary, a): x[0] > t) for a in (0.005, 0.001)]
        for label, word in (('spam', 'recall'), ('ham', 'false positives')):
            for name, flagged in modes:
                cells = self.cells(label, flagged)
                if cells:
                    print(f'{word:15} {name:16} ' + '  '.join(f'{k} {v}' for k, v in cells.items()))
        print(f'1-AUC %: {self.area()}; log loss {self.logloss()}', flush=True)


def ours(train, test, seed):
    text = corpus.learn(['site', str(seed)], [corpus.line('train', r) for r in train] + [corpus.line('test', r) for r in test])
    return {k: (m, p >= SPAM, p) for k, (m, p) in parse(text).items()}


def theirs(names, folder, train, test):
    try:
        root, close = filters.open_root(folder)
    except (peers.Unavailable, OSError) as why:
        print(f'without the peers: {why}')
        return
    try:
        for name in names:
            try:
                peer = filters.ALL[name](folder, root)
            except peers.Unavailable as why:
                print(f'without {name}: {why}')
                continue
            try:
                for spam in (True, False):
                    peer.learn(spam, [r['path'] for r in train if (r['label'] == 'spam') == spam])
                judged = peer.judge([r['path'] for r in test])
            finally:
                peer.stop()
            yield name, {k: (score, flag, score if name == 'bogofilter' else None) for k, (score, flag) in judged.items()}
    finally:
        close()


def half(args, rows, folder):
    for seed in range(1, args.seeds + 1):
        train = [r for r in rows if not r['recall_only'] and corpus.share(r, seed) < 0.5]
        test = capped([r for r in rows if r['recall_only'] or corpus.share(r, seed) >= 0.5], args.cap)
        print(f'\n## half learned, half judged; seed {seed}: {len(train)} learned, {len(test)} judged')
        Result('Posthouse', test, ours(train, test, seed)).show()
        if seed == 1 and args.filters:
            for name, found in theirs(args.filters, folder, train, test):
                Result(name, test, found).show()


def by_time(args, rows, folder):
    """Cut at the median date of each set and label: an old filter meets new mail."""
    train, test = [], []
    for name in SETS:
        for label in ('spam', 'ham'):
            mine = [r for r in rows if r['set'] == name and r['label'] == label and r['date'] and not r['recall_only']]
            if mine:
                middle = statistics.median_low([r['date'] for r in mine])
                train += [r for r in mine if r['date'] <= middle]
                test += [r for r in mine if r['date'] > middle]
    known = {r['cluster'] for r in train if r['cluster']}
    test = capped([r for r in test if r['cluster'] not in known], args.cap)
    print(f'\n## older half learned, newer half judged: {len(train)} learned, {len(test)} judged')
    Result('Posthouse', test, ours(train, test, 1)).show()


def fresh(args, rows, folder):
    model = os.path.join(folder, 'fresh.model')
    for without in (*corpus.SHIPPABLE, None):
        names = (without,) if without else tuple(s for s in SETS if s not in corpus.SHIPPABLE)
        test = capped([r for r in rows if r['set'] in names], args.cap)
        corpus.train(corpus.material(rows, folder, names), model)
        found = parse(corpus.learn(['judge', model], [corpus.line('test', r) for r in test]))
        print(f'\n## fresh install: judging {", ".join(names)} with a model that never saw them; {len(test)} judged')
        Result('Posthouse', test, {k: (m, p >= SPAM, p) for k, (m, p) in found.items()}).show()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--part', default='half,time,fresh')
    p.add_argument('--seeds', type=int, default=3)
    p.add_argument('--cap', type=int, default=300)
    p.add_argument('--filters', default='bogofilter,SpamAssassin,Rspamd')
    p.add_argument('--corpora', default=corpus.CORPORA)
    args = p.parse_args()
    args.filters = [f for f in args.filters.split(',') if f]
    if not os.path.isdir(args.corpora):
        sys.exit(f'{args.corpora}: no such folder: nothing to measure with')
    with tempfile.TemporaryDirectory(prefix='accuracy-') as folder:
        os.chmod(folder, 0o755)
        rows = corpus.unpack(args.corpora, folder)
        for part in args.part.split(','):
            {'half': half, 'time': by_time, 'fresh': fresh}[part](args, rows, folder)


if __name__ == '__main__':
    main()
