#!/usr/bin/env python3
"""What 100, 1,000, 10,000 rules cost: time to be made, memory, CPU a message.

    ./dev bench rules [--messages 400] [--corpora DIR]

The rules are made up: phrases in English and Chinese (a tenth of them taken from the messages, so that some are found),
stars, several of several, expressions, and conditions on senders, hosts and headers with them. The same ones each time.
"""
import argparse, json, os, random, re, subprocess, sys, tempfile
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '../tools')]
import corpus

COUNTS = (100, 1000, 10000)
HAN = '的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实'


def words_of(paths):
    """Runs of two words, of three to five Chinese characters, that stand in the messages."""
    found = []
    for path in paths:
        text = open(path, 'rb').read()[:20000]
        found += [b' '.join(m).decode() for m in re.findall(rb'([a-z]{4,9}) ([a-z]{4,9})', text)[:8]]
        for charset in ('utf-8', 'gb18030'):
            try:
                found += re.findall('[\u4e00-\u9fff]{4}', text.decode(charset))[:8]
                break
            except UnicodeDecodeError:
                pass
    return found


class Maker:
    def __init__(self, known):
        self.known, self.rng = known, random.Random(7)

    def word(self):
        return ''.join(self.rng.choice(('ba', 'ket', 'lo', 'ri', 'sen', 'tu', 'mar', 'nis', 'po', 'de')) for _ in range(self.rng.randint(2, 4)))

    def phrase(self):
        kind = self.rng.random()
        if kind < 0.1 and self.known:
            return f'"{self.rng.choice(self.known)}"'
        if kind < 0.5:
            return f'"{self.word()} {self.word()}"'
        return ''.join(self.rng.choice(HAN) for _ in range(self.rng.randint(3, 5)))

    def condition(self):
        kind = self.rng.random()
        if kind < 0.6:
            return f'anywhere has {self.phrase()} {self.phrase()} {self.phrase()}'
        if kind < 0.7:
            return f'text has {self.phrase().strip(chr(34)).replace(" ", "")}*{self.word()}'
        if kind < 0.8:
            return f'text has 2 of {self.phrase()} {self.phrase()} {self.phrase()} {self.phrase()}'
        if kind < 0.85:
            return f'text like /{self.word()}[- ]?\\d{{2,6}}{self.word()[:3]}/i'
        if kind < 0.88:
            return f'subject like /(?<!{self.word()} )\\b{self.word()}/'
        if kind < 0.92:
            return f'host domain {self.word()}.example'
        if kind < 0.96:
            return f'header X-Mailer has {self.word()}'
        return f'from domain {self.word()}.example'

    def rule(self, n):
        more = ''.join(f'\t{self.condition()}\n' for _ in range(self.rng.choice((0, 0, 1))))
        return f'rule r{n} {self.rng.randint(1, 30) / 10}\n\ten a rule\n\t{self.condition()}\n{more}'


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--messages', type=int, default=400)
    p.add_argument('--corpora', default=corpus.CORPORA)
    args = p.parse_args()
    if not os.path.isdir(args.corpora):
        sys.exit('skipped: no collections of mail')
    tool = os.path.join(corpus.ROOT, 'build/release/tools/rules')
    subprocess.run(['make', '-s', '-C', corpus.ROOT, 'build/release/tools/rules'], check=True)
    with tempfile.TemporaryDirectory() as into:
        rows = corpus.unpack(args.corpora, into)
        paths = [r['path'] for r in random.Random(1).sample(rows, min(args.messages, len(rows)))]
        made, known = os.path.join(into, 'made.rules'), words_of(paths)
        print(f'{"rules":>8}{"made, ms":>12}{"memory, MiB":>14}{"reading, us":>14}{"rules, us":>12}{"signals":>10}')
        for count in COUNTS:
            maker = Maker(known)
            with open(made, 'w', encoding='utf-8') as f:
                f.writelines(maker.rule(n) for n in range(count))
            out = subprocess.run([tool, made], input='\n'.join(paths) + '\n', text=True, stdout=subprocess.PIPE, check=True).stdout
            r = json.loads(out)
            print(f'{r["rules"]:8}{r["made_ms"]:12.0f}{r["memory_kib"] / 1024:14.1f}{r["read_us"]:14.0f}{r["run_us"]:12.1f}{r["signals"]:10.2f}')


if __name__ == '__main__':
    main()
