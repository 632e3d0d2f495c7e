#!/usr/bin/env python3
"""Allow and block lists and reputation on the command line, in both languages; the key-value store of a server that was
damaged while it was down.

    test/lists.py
"""
import json, os, subprocess, sys, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from posthouse import PROGRAM, Instance
from tally import check, result


def run(p, *words, lang='en', stdin=None):
    r = subprocess.run([PROGRAM, '--config', p.conf, '--lang', lang, *words], capture_output=True, text=True, timeout=120, input=stdin)
    return r.returncode, r.stdout + r.stderr


def expect(p, words, code, *parts, lang='en', stdin=None):
    got, out = run(p, *words, lang=lang, stdin=stdin)
    missing = [s for s in parts if s not in out]
    check(f'{" ".join(words)} ({lang})', got == code and not missing, f'exit {got}, not {code}; missing {missing} in\n{out}')
    return out


def entries(p, *words):
    return json.loads(run(p, 'list', 'show', *words, '--json')[1])['entries']


def lists(p):
    expect(p, ['list', 'add', 'block', '192.0.2.9/24', 'Spam.example', '*win*@*', '--expires', '30d', '--comment', '五月'], 0,
           'Entries added: 3, replaced: 0.')
    expect(p, ['list', 'add', 'block', 'spam.example'], 0, '新增 0 条，替换 1 条', lang='zh')
    expect(p, ['list', 'add', 'allow', 'partner.example', '--org', 'Here.Test'], 0)
    expect(p, ['list', 'add', 'allow', 'mx.partner.example', '--kind', 'host'], 0)
    expect(p, ['list', 'add', 'block', 'shop.example', '--user', 'Ann@here.test'], 0)
    expect(p, ['list', 'show'], 0, '192.0.2.0/24', '五月', 'here.test', 'ann@here.test')
    expect(p, ['list', 'show'], 0, '阻止', '系统', lang='zh')
    mine = entries(p, '--user', 'ann@here.test')
    check('entry of a user', len(mine) == 1 and mine[0]['what'] == 'shop.example' and mine[0]['verdict'] == 'block', mine)
    check('expiry', entries(p, '192.0.2.0/24')[0]['expires_at'] is not None and entries(p, 'SPAM.example')[0]['expires_at'] is None)
    expect(p, ['list', 'test', '--ip', '192.0.2.77'], 0, 'block: 192.0.2.77', '192.0.2.0/24')
    sender = ['--sender', 'x@partner.example', '--rcpt', 'bob@here.test']
    expect(p, ['list', 'test', *sender], 3, 'would count if the sender were proven')
    expect(p, ['list', 'test', *sender], 3, '如果发件人通过认证', lang='zh')
    expect(p, ['list', 'test', *sender, '--proven', 'esp.example, partner.example'], 0, 'allow: x@partner.example')
    expect(p, ['list', 'test', '--sender', 'x@shop.example', '--rcpt', 'ann+x@here.test'], 0, 'block')
    expect(p, ['list', 'test', '--sender', 'x@shop.example', '--rcpt', 'bob@here.test'], 3)
    answer = json.loads(run(p, 'list', 'test', '--ip', '192.0.2.1', '--json')[1])
    check('test --json', answer['verdict'] == 'block' and answer['by']['what'] == '192.0.2.0/24', answer)
    expect(p, ['list', 'add', 'deny', 'x.example'], 2, 'allow or block?')
    expect(p, ['list', 'add', 'block', 'a..b'], 2, 'not a domain')
    expect(p, ['list', 'add', 'block', 'a..b'], 2, '不是有效的', lang='zh')
    expect(p, ['list', 'add', 'block', 'x.example', '--expires', 'soon'], 2, '--expires')
    expect(p, ['list', 'add', 'block', 'x.example', '--org', 'a.test', '--user', 'b@a.test'], 2)
    expect(p, ['list', 'remove'], 2)


def moving(p):
    out = run(p, 'list', 'export')[1]
    count = len(entries(p))
    check('export', len(out.splitlines()) == count, out)
    file = p.dir + '/exported'
    with open(file, 'w', encoding='utf-8') as f:
        f.write('# kept\n\n' + out)
    for e in entries(p):
        expect(p, ['list', 'remove', '--id', str(e['id'])], 0, 'removed: 1')
    expect(p, ['list', 'remove', 'spam.example'], 3)
    check('all gone', entries(p) == [])
    expect(p, ['list', 'import', file], 0, f'added: {count}, replaced: 0')
    check('export after import', run(p, 'list', 'export')[1] == out)
    expect(p, ['list', 'import', '-'], 2, '-:2: ', 'nothing was imported', stdin='good.example\nnot good\n')
    check('nothing of it', entries(p, 'good.example') == [])
    expect(p, ['list', 'import', '-', '--allow', '--org', 'here.test'], 0, stdin='good.example\nblock bad.example\n')
    check('defaults of an import', [(e['what'], e['verdict'], e['scope']) for e in entries(p, '--org', 'here.test') if e['what'] != 'partner.example']
          == [('bad.example', 'block', 'here.test'), ('good.example', 'allow', 'here.test')])
    many = ''.join(f'192.{n >> 16}.{n >> 8 & 255}.{n & 255}\n' for n in range(20000))
    started = time.time()
    expect(p, ['list', 'import', '-'], 0, 'added: 20000', stdin=many)
    check('many entries in time', time.time() - started < 30, time.time() - started)
    expect(p, ['list', 'test', '--ip', '192.0.77.7'], 0, 'block')
    expect(p, ['list', 'remove', '192.*', '--kind', 'ip', '--system'], 0)


def reputation(p):
    expect(p, ['reputation', 'show'], 3)
    expect(p, ['reputation', 'show', 'colour'], 2, 'network')
    expect(p, ['reputation', 'forget', 'ip', '192.0.2.1'], 3, 'nothing is known')
    expect(p, ['reputation', 'forget', 'ip', '192.0.2.1'], 3, '没有', lang='zh')
    expect(p, ['reputation', 'export'], 0, '# kind')


def damaged(p):
    """What a power failure may leave: the server starts, says so, and begins anew."""
    kv = p.dir + '/data/kv'
    with open(kv + '/data.mdb', 'wb') as f:
        f.write(os.urandom(50000))
    with open(kv + '/boot', 'w') as f:
        f.write('another boot')
    p.start()
    log = p.log_tail(100000)
    check('damage is told', 'event=kv.anew' in log, log)
    check('no forbidden calls', 'sandbox.denied' not in log, log)
    check('moved aside', os.path.exists(kv + '/data.damaged'))


def main():
    with Instance() as p:
        p.prepare()
        for part in (lists, moving, reputation, damaged):
            part(p)
    return result()


sys.exit(main())
