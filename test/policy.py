#!/usr/bin/env python3
"""Policies on the command line and in a running server: checked, put into force, taken back; tried on a letter and on what is
remembered of recent ones. What each of them does to mail is in test/policy/.

    test/policy.py
"""
import json, os, smtplib, sqlite3, subprocess, sys, tempfile, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from posthouse import PROGRAM, Instance, wait_until
from tally import check, result

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FIRST = '''[group "finance"]
members = cfo@post.test group:clerks
[group "clerks"]
members = clerk-*@post.test
[policy "programs"]
direction = in
attachment = program
do = quarantine:policy
[policy "invoices"]
to = group:finance
subject = *发票* *invoice*
do = junk
subject_tag = "[invoice]"
'''
SECOND = FIRST.replace('do = junk\nsubject_tag = "[invoice]"', 'do = quarantine')
BROKEN = FIRST.replace('group:finance', 'group:finanse') + '[policy "x"]\ndo = destroy\n'
LETTER = '''From: Shop <shop@shop.test>
To: clerk-1@post.test
Subject: =?utf-8?b?5Y+R56WoIDIwMjY=?=
Date: Sun, 22 Nov 2026 10:00:00 +0800
Message-ID: <1@shop.test>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain; charset=utf-8

Please find it attached.
--b
Content-Type: application/pdf; name="list.pdf"
Content-Disposition: attachment; filename="list.pdf"

%PDF-1.4
--b--
'''


class Place:
    def __init__(self, instance):
        self.instance = instance

    def write(self, name, text):
        path = os.path.join(self.instance.dir, name)
        with open(path, 'w', encoding='utf-8') as f:
            f.write(text)
        return path

    def run(self, *words, lang='en', stdin=None, environment=None):
        r = subprocess.run([PROGRAM, '--config', self.instance.conf, '--lang', lang, 'policy', *words], capture_output=True, text=True,
                           timeout=120, input=stdin, env=dict(self.instance.environment, **(environment or {})))
        return r.returncode, r.stdout, r.stderr

    def json(self, *words):
        code, out, errors = self.run(*words, '--json')
        return json.loads(out) if code == 0 else {'code': code, 'errors': errors}

    def database(self, name):
        return sqlite3.connect(os.path.join(self.instance.dir, 'data', 'db', name + '.sqlite'), timeout=20)


def checking(p):
    code, out, errors = p.run('check', p.write('first.conf', FIRST))
    check('a document without mistakes', code == 0 and 'Policies: 2' in out and not errors, out + errors)
    code, out, errors = p.run('check', p.write('broken.conf', BROKEN))
    check('all mistakes are told with their lines', code == 2 and 'broken.conf:10: to: there is no [group "finanse"]' in errors and
          "broken.conf:15: do: 'destroy' is none of" in errors, errors)
    code, out, errors = p.run('check', p.write('broken.conf', BROKEN), lang='zh')
    check('in Chinese', code == 2 and 'to：没有 [group "finanse"]' in errors, errors)
    code, out, errors = p.run('check', '-', stdin='[policy "all"]\ndo = discard\n')
    check('a document that discards everything is doubted', code == 0 and 'warning:' in errors and 'discard all mail' in errors, errors)
    code, out, errors = p.run('check', p.instance.dir + '/nothing.conf')
    check('a file that is not there', code == 3 and 'nothing.conf' in errors, errors)
    code, out, errors = p.run('check', os.path.join(ROOT, 'data', 'policies', 'default.conf'))
    check('what new installations begin with has neither mistakes nor doubts', code == 0 and not errors, out + errors)


def versions(p):
    code, out, errors = p.run('show')
    check('none yet', code == 3 and 'no policies yet' in errors, errors)
    code, out, errors = p.run('set', p.write('first.conf', FIRST), '--note', 'begin')
    check('set', code == 0 and 'Version 1 is in force' in out, out + errors)
    code, out, errors = p.run('set', p.write('broken.conf', BROKEN))
    check('a broken one is not taken', code == 2 and 'finanse' in errors, errors)
    code, out, errors = p.run('set', p.write('first.conf', FIRST))
    check('the same again is no new version', code == 0 and 'nothing has changed' in out, out)
    code, out, errors = p.run('set', p.write('second.conf', SECOND), '--based-on', '1', '--note', 'hold')
    check('based on the one in force', code == 0 and 'Version 2' in out, out + errors)
    code, out, errors = p.run('set', p.write('third.conf', SECOND + '\n'), '--based-on', '1')
    check('based on an older one', code != 0 and 'version 2 is in force by now' in errors, errors)
    code, out, _ = p.run('show')
    check('shown as it was written', code == 0 and out == SECOND, out)
    code, out, _ = p.run('show', '1')
    check('an older one, too', code == 0 and out == FIRST, out)
    code, out, _ = p.run('diff')
    check('what changed last', code == 0 and '- do = junk\n- subject_tag = "[invoice]"\n+ do = quarantine\n' in out and 'programs' not in out, out)
    code, out, _ = p.run('diff', '2', '1')
    check('and the other way', code == 0 and '- do = quarantine\n+ do = junk\n+ subject_tag' in out, out)
    code, out, errors = p.run('rollback', '1')
    check('taken back', code == 0 and 'Version 3' in out and p.run('show')[1] == FIRST, out + errors)
    history = p.json('history')['versions']
    check('the history says who and why', [(v['version'], v['note'], v['current']) for v in history] ==
          [(3, 'as version 1', True), (2, 'hold', False), (1, 'begin', False)] and all(v['by'] and v['at'] for v in history), history)
    check('no such version', p.run('rollback', '9')[0] == 3 and p.run('show', 'x')[0] == 2, p.run('rollback', '9'))


def editing(p):
    editor = p.write('editor', '#!/bin/sh\nsed -i "s/do = junk/do = mark/" "$1"\n')
    os.chmod(editor, 0o755)
    code, out, errors = p.run('edit', '--note', 'by hand', environment={'VISUAL': editor})
    check('edited', code == 0 and 'Version 4' in out and 'do = mark' in p.run('show')[1], out + errors)
    code, out, errors = p.run('edit', environment={'VISUAL': editor})
    check('nothing changed in the editor', code == 0 and 'Nothing has changed' in out, out + errors)
    breaks = p.write('breaks', '#!/bin/sh\necho nonsense >> "$1"\n')
    os.chmod(breaks, 0o755)
    code, out, errors = p.run('edit', environment={'VISUAL': breaks})
    kept = errors.strip().split(' ')[-1].rstrip('.')
    check('what was written with a mistake is kept', code == 2 and os.path.exists(kept) and open(kept).read().endswith('nonsense\n'), errors)
    if os.path.exists(kept):
        os.unlink(kept)
    check('and not in force', p.json('history')['versions'][0]['version'] == 4, '')
    p.run('rollback', '1')


def trying(p):
    letter = p.write('letter.eml', LETTER)
    r = p.json('test', letter, '--from', 'shop@shop.test', '--to', 'clerk-1@post.test', 'other@post.test', '--ip', '192.0.2.1')
    got = {x['recipient']: x for x in r.get('recipients', [])}
    check('each recipient by himself', got and got['clerk-1@post.test']['decision'] == 'junk mark subject' and
          got['other@post.test']['end'] == 'deliver', r)
    check('with the reason', got and got['clerk-1@post.test']['policy'] == 'invoices' and 'invoices' in got['clerk-1@post.test']['reason'], r)
    r = p.json('test', letter, '--from', 'a@b.test', '--to', 'clerk-1@post.test', '--virus', 'Test.Virus')
    check('a virus is held whatever a policy about something else says', r['recipients'][0]['decision'].startswith('quarantine class=virus'), r)
    r = p.json('test', letter, '--from', 'a@post.test', '--login', 'a@post.test', '--to', 'x@far.test', '--policies',
               p.write('out.conf', '[policy "o"]\ndirection = out\nattachment = pdf\ndo = approve\napprovers = boss@post.test\n'))
    check('a document that is not in force, direction by the login', r['recipients'][0]['decision'] == 'approve class=approval approvers=boss@post.test', r)
    r = p.json('test', letter, '--to', 'clerk-1@post.test', '--policies', '2')
    check('an older version', r['recipients'][0]['end'] == 'quarantine', r)
    r = p.json('test', letter, '--to', 'postmaster@post.test', '--policies', p.write('no.conf', '[policy "no"]\nsubject = *\ndo = reject\n'))
    check('complaints are never refused', r['recipients'][0]['decision'] == 'quarantine class=policy', r)
    early = p.write('hours.conf', '[policy "h"]\nhours = 02:00-03:00\nzone = UTC\ndo = defer\n')
    r = p.json('test', letter, '--to', 'x@post.test', '--policies', early, '--at', '2026-11-22T02:30:00Z')
    check('at another time', r['recipients'][0]['decision'] == 'defer code=451', r)
    r = p.json('test', letter, '--to', 'x@post.test', '--policies', early, '--at', '2026-11-22T03:30:00Z')
    check('and an hour later', r['recipients'][0]['end'] == 'deliver', r)
    r = p.json('test', letter, '--to', 'x@post.test', '--policies', p.write('words.conf', '[policy "w"]\nsignal = class:confidential\ndo = approve\napprovers = boss@post.test\n'))
    check('words of a rule of our own', r['recipients'][0]['end'] == 'approve', r)
    code, out, errors = p.run('test', letter, '--to', 'clerk-1@post.test')
    check('for people', code == 0 and 'Probability' in out and 'invoices' in out and 'junk mark subject' in out, out + errors)
    check('no recipients', p.run('test', letter)[0] == 2, '')


def facts(number, **more):
    return json.dumps(dict({'v': 1, 'direction': 1, 'at': int(time.time() * 1e6), 'sender': f'a{number}@shop.test', 'subject': f'invoice {number}',
                            'probability': 0.1, 'score': 0.5, 'examined': True, 'signals': [['spf-fail', 2.0]], 'files': []}, **more))


def dry(p):
    db = p.database('trace')
    now = int(time.time() * 1e6)
    with db:
        for i in range(1, 41):
            rcpt = 'clerk-1@post.test' if i % 4 == 0 else 'x@post.test'
            done = 'junk mark subject\tinvoices' if i % 4 == 0 else 'deliver\t'
            db.execute('INSERT INTO fact (id, at, facts, decided) VALUES (?, ?, ?, ?)', (i, now - i * 1000, facts(i), f'{rcpt}\t1\t{done}\n'))
        db.execute('INSERT INTO fact (id, at, facts, decided) VALUES (?, ?, ?, ?)', (90, now - 30 * 86400 * 10**6, facts(90), 'clerk-1@post.test\t1\tdeliver\t\n'))
        db.execute('INSERT INTO fact (id, at, facts, decided) VALUES (?, ?, ?, ?)', (91, now, '{"damaged', 'x@post.test\t1\tdeliver\t\n'))
    db.close()
    r = p.json('dry-run', p.write('first.conf', FIRST))
    check('the same document changes nothing', r.get('letters') == 41 and r['letters_changed'] == 0 and r['unreadable'] == 1, r)
    r = p.json('dry-run', p.write('second.conf', SECOND))
    check('ten would have been held', r.get('letters_changed') == 10 and len(r['changed']) == 10, r)
    one = r['changed'][0]
    check('which, and how', one['before'] == 'junk mark subject' and one['after'] == 'quarantine class=policy' and
          one['recipient'] == 'clerk-1@post.test' and one['policy'] == 'invoices', one)
    r = p.json('dry-run', p.write('second.conf', SECOND), '--since', '60d')
    check('from further back', r.get('letters') == 42 and r['letters_changed'] == 11, r)
    code, out, errors = p.run('dry-run', p.write('second.conf', SECOND), '--most', '3')
    check('for people', code == 0 and 'Would have changed 10 of 41 letters.' in out and 'Not shown: 7' in out, out + errors)
    code, out, errors = p.run('dry-run', p.write('broken.conf', BROKEN))
    check('a broken document is not tried', code == 2, errors)
    check('nothing was put into force', p.run('show')[1] == FIRST, '')


def send(instance, subject):
    """The server's last word."""
    message = f'From: a@far.test\r\nTo: ann@post.test\r\nSubject: {subject}\r\nDate: Sun, 22 Nov 2026 10:00:00 +0800\r\nMessage-ID: <{time.time()}@far.test>\r\n\r\nHello Ann\r\n'
    with smtplib.SMTP('127.0.0.1', instance.ports['mx'], 'mx.far.test', timeout=30) as s:
        try:
            s.sendmail('a@far.test', ['ann@post.test'], message)
            return 250, ''
        except smtplib.SMTPDataError as e:
            return e.smtp_code, e.smtp_error.decode()


def serving(p):
    instance = p.instance
    instance.setup_command('domain add post.test')
    instance.setup_command('account add ann@post.test')
    p.run('set', p.write('none.conf', '# nothing\n'))
    instance.start()
    check('no policy: accepted', send(instance, 'secret plans')[0] == 250, '')
    p.run('set', p.write('live.conf', '[policy "secrets"]\nsubject = secret*\ndo = reject\ncode = 554\nstatus = 5.6.0\ntext = "No secrets here"\n'))
    time.sleep(2)
    code, text = send(instance, 'secret plans')
    check('a running server takes a new version within two seconds', code == 554 and text.startswith('5.6.0') and 'No secrets here' in text, (code, text))
    check('and only for what it is about', send(instance, 'open plans')[0] == 250, '')
    db = p.database('directory')
    with db:
        db.execute("INSERT INTO policies SELECT MAX(version) + 1, 0, 'disk', '', '[policy \"x\"]\ndo = gibberish' FROM policies")
    db.close()
    time.sleep(2)
    check('one that cannot be read changes nothing', send(instance, 'secret plans')[0] == 554, '')
    check('it is told loudly', 'policies.broken' in instance.log_tail(100000), instance.log_tail())
    instance.stop()
    instance.start()
    check('also after a start', send(instance, 'secret plans')[0] == 554, '')
    code, out, errors = p.run('rollback', '1')
    check('an older version ends that', code == 0, errors)
    instance.wait_mail('ann@post.test', 2)

    def kept():
        return p.json('dry-run', p.write('live.conf', '[policy "l"]\nsubject = open*\ndo = quarantine\n')).get('letters', 0) >= 2 + 41
    wait_until('facts of what came are kept', 10, kept)
    r = p.json('dry-run', p.write('live.conf', '[policy "l"]\nsubject = open*\ndo = quarantine\n'))
    mine = [c for c in r['changed'] if c['recipient'] == 'ann@post.test' and c['subject'] == 'open plans']
    check('a dry run over what came', len(mine) == 1 and mine[0]['before'].startswith('deliver') and mine[0]['after'].startswith('quarantine'), r)


def main():
    with tempfile.TemporaryDirectory() as rules:
        os.chmod(rules, 0o755)
        return everything(rules)


def everything(rules):
    with Instance(['[filter]', f'rules = {rules}']) as instance, open(rules + '/ours.rules', 'w') as f:
        f.write('rule ours-words 0 confidential\n\tanywhere has "find it attached"\n')
        f.flush()
        instance.prepare()
        p = Place(instance)
        checking(p)
        versions(p)
        editing(p)
        trying(p)
        dry(p)
        serving(p)
    return result()


sys.exit(main())
