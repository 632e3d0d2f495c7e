#!/usr/bin/env python3
"""Rules about content on the command line: listed, shown, checked, tried on letters. The shipped ones are without doubt.

    test/rules.py
"""
import json, os, subprocess, sys, tempfile
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from posthouse import PROGRAM
from tally import check, result

MINE = '''# ours
list colours
	green "light blue"
rule ours-invoice 2.5 fraud
	en sells invoices
	zh 兜售发票
	anywhere has 代开*发票
	any
		links > 0
		signal shares-a-word
part shares-a-word
	text has @colours
rule ours-other 0.25
	zh 只有中文
	subject like /no\\. \\d+/i
'''
LETTER = '''From: =?utf-8?b?546L6Iqz?= <wang@mail.test>
Subject: Offer No. 12
Content-Type: text/plain; charset=utf-8

低价代开各类發票！ Light   Blue
'''


class Place:
    def __init__(self, where):
        self.rules, self.conf = where + '/rules.d', where + '/posthouse.conf'
        self.where = where
        os.mkdir(self.rules)
        self.write('posthouse.conf', f'[filter]\nrules = {self.rules}\n')

    def write(self, name, text):
        path = os.path.join(self.where, name)
        with open(path, 'w', encoding='utf-8') as f:
            f.write(text)
        return path

    def run(self, *words, lang='en', stdin=''):
        r = subprocess.run([PROGRAM, '--config', self.conf, '--lang', lang, *words], capture_output=True, text=True, timeout=60, input=stdin)
        return r.returncode, r.stdout, r.stderr


def shipped(p):
    code, out, errors = p.run('rule', 'check')
    check('the shipped rules are without doubt', code == 0 and 'no mistakes' in out, out + errors)
    code, out, _ = p.run('--json', 'rule', 'list', '--all')
    rules = json.loads(out)['rules']
    check('there are shipped rules', code == 0 and len(rules) > 100, out[:500])
    silent = [r['name'] for r in rules if r['state'] == 'on' and (r['en'] == r['zh'] or r['en'] == r['name'])]
    check('each says what it finds, in both languages', not silent, silent)
    check('each stands in a shipped file', all(r['file'].startswith('shipped:') and r['line'] > 0 for r in rules), out[:500])
    code, out, _ = p.run('rule', 'list')
    check('without --all they are not listed', code == 0 and len(out.splitlines()) <= 1, out)
    return [r for r in rules if r['state'] == 'on'][0]['name']


def own(p, one):
    p.write('rules.d/10-ours.rules', MINE)
    code, out, errors = p.run('rule', 'check')
    check('ours are without mistakes', code == 0, out + errors)
    code, out, _ = p.run('--json', 'rule', 'list')
    rules = {r['name']: r for r in json.loads(out)['rules']}
    check('ours are listed', sorted(rules) == ['ours-invoice', 'ours-other', 'shares-a-word'], out)
    check('with score and class', rules['ours-invoice']['score'] == '2.5' and rules['ours-invoice']['class'] == 'fraud', out)
    check('one sentence serves for both languages', rules['ours-other']['en'] == '只有中文', out)
    code, out, _ = p.run('rule', 'show', 'ours-other')
    check('show: where and what', code == 0 and '10-ours.rules:13' in out and out.rstrip().endswith('subject like /no\\. \\d+/i'), out)
    code, _, errors = p.run('rule', 'show', 'nobody')
    check('show: no such rule', code == 3 and 'no such rule: nobody' in errors, errors)
    p.write('rules.d/20-more.rules', f'off {one}\nscore ours-* 1.5\nrule ours-other 3 spam\n\ten other\n\tsize > 1m\n')
    _, out, _ = p.run('--json', 'rule', 'list', '--all')
    rules = {r['name']: r for r in json.loads(out)['rules']}
    check('a later file switches off, changes scores, replaces', rules[one]['state'] == 'off' and rules['ours-invoice']['score'] == '1.5' and
          rules['ours-other']['score'] == '1.5' and rules['ours-other']['en'] == 'other', out[-3000:])


def mistakes(p):
    bad = p.write('bad.rules', 'rule x 1\n\ttext has ab\n\ttxt has cd\n')
    code, _, errors = p.run('rule', 'check', bad)
    check('a mistake has file and line', code == 2 and f'{bad}:3: "txt" is nothing that a condition begins with' in errors, errors)
    code, _, errors = p.run('rule', 'check', bad, lang='zh')
    check('in Chinese', code == 2 and f'{bad}:3：条件不能以“txt”开头' in errors, errors)
    doubt = p.write('doubt.rules', 'rule x 1\n\tsignal nobody\noff nothing\n')
    code, _, errors = p.run('rule', 'check', doubt)
    check('names that do not exist are told', code == 1 and f'{doubt}:2: there is no signal and no rule nobody' in errors and
          f'{doubt}:3: there is no rule nothing' in errors, errors)
    code, _, errors = p.run('rule', 'check', p.where + '/none.rules')
    check('no such file', code == 3 and 'none.rules' in errors, errors)
    p.write('rules.d/99-bad.rules', 'rule x\n')
    code, _, errors = p.run('rule', 'check')
    check('the files of the server are looked at', code == 2 and '99-bad.rules:1: is written: rule NAME SCORE [CLASS]' in errors, errors)
    code, _, errors = p.run('check-config')
    check('by check-config, too', code == 2 and '99-bad.rules:1: is written' in errors, errors)


def tried(p):
    rules, letter = p.write('mine.rules', MINE), p.write('letter.eml', LETTER)
    code, out, errors = p.run('rule', 'test', rules, letter)
    check('which rules hold, and what they found', code == 0 and 'ours-invoice: sells invoices' in out and 'text: 代开各类发票' in out and
          'subject: No. 12' in out and 'shares-a-word:' not in out, out + errors)
    code, out, _ = p.run('--json', 'rule', 'test', rules, letter)
    held = json.loads(out)['letters'][0]['rules']
    check('as JSON', [r['name'] for r in held] == ['ours-invoice', 'ours-other'] and held[0]['found'][0] == {'field': 'text', 'text': '代开各类发票'}, out)
    code, out, _ = p.run('rule', 'test', rules, '-', stdin='Subject: hello\n\nnothing\n', lang='zh')
    check('none holds', code == 0 and '没有命中任何规则' in out, out)
    code, _, errors = p.run('rule', 'test', rules, p.where + '/none.eml')
    check('no such letter', code == 3 and 'none.eml' in errors, errors)


with tempfile.TemporaryDirectory() as where:
    place = Place(where)
    own(place, shipped(place))
    tried(place)
    mistakes(place)
sys.exit(result())
