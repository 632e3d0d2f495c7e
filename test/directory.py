#!/usr/bin/env python3
"""The directory as mail and logins see it: tables of accounts, departments and groups, domains that stand for others, shared
mailboxes with what was sent in their name, service classes, accounts that were deleted and come back.

    test/directory.py [WORD ...]     the cases whose names contain one of the words
"""
import csv, json, os, smtplib, ssl, sys, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from posthouse import Instance, PASSWORD, wait_until
from tally import case, expect, run_cases

TLS = ssl._create_unverified_context()
ANN, BOB, CAT = 'ann@one.test', 'bob@one.test', 'cat@two.test'
NOTICED = 1.3  # servers see changes within a second


class Site(Instance):
    def __init__(self, *config, accounts=(ANN, BOB, CAT), **more):
        super().__init__(config=list(config), **more)
        for domain in ('one.test', 'two.test'):
            self.setup_command(f'domain add {domain}')
        for who in accounts:
            self.setup_command(f'account add {who}')

    def write(self, name, data):
        path = os.path.join(self.dir, name)
        with open(path, 'wb') as f:
            f.write(data if isinstance(data, bytes) else data.encode())
        os.chmod(path, 0o644)
        return path

    def session(self, who, password=PASSWORD):
        s = smtplib.SMTP('127.0.0.1', self.ports['submission'], timeout=60)
        s.starttls(context=TLS)
        s.login(who, password)
        return s

    def send(self, who, sender, rcpts, body='hello', password=PASSWORD):
        """'' or the first refusal."""
        with self.session(who, password) as s:
            try:
                refused = s.sendmail(sender, rcpts, f'From: {sender}\r\nTo: {rcpts[0]}\r\nSubject: note\r\n\r\n{body}\r\n')
                return '%d %s' % (next(iter(refused.values()))[0], next(iter(refused.values()))[1].decode()) if refused else ''
            except smtplib.SMTPRecipientsRefused as e:
                code, text = next(iter(e.recipients.values()))
            except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as e:
                code, text = e.smtp_code, e.smtp_error
            return f'{code} {text.decode()}'

    def rcpt(self, address):
        """What the door says to a stranger about an address."""
        with smtplib.SMTP('127.0.0.1', self.ports['mx'], timeout=30) as s:
            s.ehlo('stranger.test')
            s.mail('x@stranger.test')
            code, text = s.rcpt(address)
            return code, text.decode()

    def folder(self, address, folder):
        text = self.failing('mailbox', 'list', address, '--folder', folder, '--json')
        return json.JSONDecoder().raw_decode(text)[0]['messages']

    def failing(self, *args, **more):
        return self.cli(*args, check=False, **more)

    def lines(self, *args):
        return {m['line'] for m in self.table_mistakes(*args)}

    def table_mistakes(self, *args):
        text = self.failing('account', 'import', *args, '--json')
        return json.JSONDecoder().raw_decode(text[text.index('{'):])[0]['mistakes']


@case
def tables_are_looked_at_before_anything_changes():
    with Site() as p:
        bad = p.write('bad.csv', '\ufeff地址,姓名,密码,部门,服务等级,容量,别名,停用\r\n'
                      f'{ANN},安,long enough 1,,,,,\r\n'              # there already
                      'new@one.test,"李, 四",long enough 1,销售/华东,,2g,li4@two.test,否\r\n'
                      'nowhere@far.test,,long enough 1,,,,,\r\n'
                      'short@one.test,,short,,,,,\r\n'
                      'twice@one.test,,long enough 1,,,,,\r\nTwice@one.test,,long enough 1,,,,,\r\n'
                      'class@one.test,,long enough 1,,gold,12x,,maybe\r\n'
                      'nopassword@one.test,,,,,,,\r\n'
                      'alias@one.test,,long enough 1,,,,"bob@one.test",\r\n')
        expect('lines with mistakes', p.lines(bad), {2, 4, 5, 7, 8, 9, 10})
        expect('nothing changed', {a['address'] for a in p.json('account', 'list')['accounts']}, {ANN, BOB, CAT})
        expect('no departments', p.json('department', 'list')['departments'], [])
        expect('unknown column', p.lines(p.write('column.csv', 'address,colour\nx@one.test,red\n')), {1})
        expect('open quote', p.lines(p.write('quote.csv', 'address,name,password\nx@one.test,"red,long enough 1\n')), {2})
        expect('Chinese', '没有密码' in p.failing('--lang', 'zh', 'account', 'import', bad), True)


@case
def tables_make_and_change_accounts():
    with Site(accounts=()) as p:
        p.cli('class', 'add', 'staff', '--quota', '10m', '--services', 'smtp,imap')
        text = ('地址,姓名,密码,部门,服务等级,职务,别名\r\n'
                'li@one.test,"李, 四",long enough 1,销售/华东,staff,经理,li4@two.test\r\n'
                'wang@one.test,王五,,研发,,工程师,\r\n')
        table = p.write('gb.csv', text.encode('gb18030'))
        result = os.path.join(p.dir, 'made.csv')
        p.cli('account', 'import', table, '--result', result)
        expect('only for its owner', os.stat(result).st_mode & 0o77, 0)
        with open(result, encoding='utf-8', newline='') as f:
            made = list(csv.DictReader(f))
        expect('one password was made', [r['address'] for r in made], ['wang@one.test'])
        shown = p.json('account', 'show', 'li@one.test')
        expect('li', (shown['name'], shown['department'], shown['class'], shown['own_addresses'], shown['fields'], shown['quota']),
               ('李, 四', '销售/华东', 'staff', ['li4@two.test'], {'title': '经理'}, 10 << 20))
        p.start()
        expect('the given password', p.send('li@one.test', 'li4@two.test', ['wang@one.test'], password='long enough 1'), '')
        expect('the made password', p.send('wang@one.test', 'wang@one.test', ['li4@two.test'], password=made[0]['password']), '')
        p.wait_mail('li@one.test', 1)
        change = p.write('change.csv', 'address\tname\tquota\nli@one.test\tLi Si\tnone\n')
        expect('it is there', p.lines(change), {2})
        p.cli('account', 'import', change, '--update')
        shown = p.json('account', 'show', 'li@one.test')
        expect('changed, and the rest as it was', (shown['name'], shown['quota'], shown['department'], shown['fields']),
               ('Li Si', 0, '销售/华东', {'title': '经理'}))
        out = p.cli('account', 'export', '--chinese')
        again = p.write('again.csv', out)
        p.cli('account', 'import', again, '--update')
        expect('what is exported can be imported', p.cli('account', 'export', '--chinese'), out)


@case
def hashes_come_from_other_systems():
    with Site(accounts=()) as p:
        try:
            import argon2
        except ImportError:
            argon2 = None
        p.setup_command(f'account add {ANN}')
        if argon2:
            h = argon2.PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1).hash('from elsewhere')
        else:  # made by the program itself
            h = None
        expect('no hash of argon2id', p.lines(p.write('x.csv', 'address,hash\nx@one.test,{SSHA}abc\n')), {2})
        if h:
            p.cli('account', 'import', p.write('h.csv', f'address,hash\n{BOB},"{h}"\n'))
            p.start()
            expect('it works', p.send(BOB, BOB, [ANN], password='from elsewhere'), '')


@case
def groups_reach_everybody_once():
    with Site() as p:
        p.cli('department', 'add', 'Sales/East')
        p.cli('account', 'set', ANN, '--department', 'Sales/East')
        p.cli('group', 'add', 'all@one.test', 'department:Sales', 'few@one.test', check=False)
        p.cli('group', 'add', 'few@one.test', BOB, CAT, ANN, 'all@one.test')
        p.cli('group', 'join', 'all@one.test', 'few@one.test')
        expect('who', p.json('group', 'members', 'all@one.test')['addresses'], [ANN, BOB, CAT])
        p.start()
        expect('sent', p.send(BOB, BOB, ['all@one.test']), '')
        for who in (ANN, BOB, CAT):
            p.wait_mail(who, 1)
        expect('not in its name', p.send(BOB, 'all@one.test', [ANN])[:3], '553')
        p.cli('group', 'join', 'all@one.test', BOB, '--send-as')
        time.sleep(NOTICED)
        expect('in its name', p.send(BOB, 'all@one.test', [ANN]), '')
        p.wait_mail(ANN, 2)
        for who in (ANN, BOB, CAT):
            p.cli('group', 'leave', 'few@one.test', who)
        p.cli('account', 'set', ANN, '--department', 'none')
        p.cli('group', 'leave', 'all@one.test', BOB)
        time.sleep(NOTICED)
        expect('nobody is behind it', p.rcpt('all@one.test')[0], 550)


@case
def a_domain_stands_for_another():
    with Site() as p:
        p.setup_command('domain add alias.test --stands-for one.test')
        p.start()
        expect('somebody', p.rcpt('ann+x@alias.test')[0], 250)
        expect('nobody', p.rcpt('nobody@alias.test')[0], 550)
        expect('sent in it, to it', p.send(ANN, 'ann@alias.test', ['bob@alias.test']), '')
        p.wait_mail(BOB, 1)
        expect('it must go first', 'stand for it' in p.failing('domain', 'remove', 'one.test') or
               'accounts' in p.failing('domain', 'remove', 'one.test'), True)
        p.cli('domain', 'disable', 'alias.test')
        time.sleep(NOTICED)
        expect('disabled', p.rcpt('ann@alias.test')[0], 550)


@case
def what_is_sent_for_a_shared_mailbox_is_kept_there():
    with Site() as p:
        p.cli('shared', 'add', 'desk@one.test', ANN, '--send-as')
        p.cli('shared', 'grant', 'desk@one.test', BOB, '--level', 'read')
        p.start()
        expect('by one who may', p.send(ANN, 'desk@one.test', [CAT, BOB]), '')
        expect('by one who may only read', p.send(BOB, 'desk@one.test', [CAT])[:3], '553')
        p.wait_mail(CAT, 1)
        p.wait_mail(BOB, 1)
        kept = wait_until('the copy', 15, lambda: p.folder('desk@one.test', 'Sent'))
        expect('one copy', len(kept), 1)
        expect('it is no new mail', p.folder('desk@one.test', 'INBOX'), [])
        expect('a person keeps none', p.failing('mailbox', 'list', ANN, '--folder', 'Sent', '--json').count('uid'), 0)
        expect('mail to it comes in', p.send(CAT, CAT, ['desk@one.test']), '')
        p.wait_mail('desk@one.test', 1)
        text = p.cli('mailbox', 'cat', 'desk@one.test', str(kept[0]['uid']), '--folder', 'Sent')
        expect('the letter', 'From: desk@one.test' in text and 'hello' in text, True)
        expect('nobody logs in as it', refused_login(p, 'desk@one.test'), True)
        p.cli('shared', 'revoke', 'desk@one.test', ANN)
        time.sleep(NOTICED)
        expect('no more', p.send(ANN, 'desk@one.test', [CAT])[:3], '553')


def refused_login(p, who, password=PASSWORD):
    try:
        p.session(who, password).close()
    except smtplib.SMTPAuthenticationError:
        return True
    return False


@case
def classes_limit_what_is_sent():
    with Site() as p:
        p.cli('class', 'add', 'small', '--max-message', '20k', '--max-rcpts', '2', '--rcpts-hour', '4')
        p.cli('account', 'set', ANN, '--class', 'small')
        p.start()
        expect('too large', p.send(ANN, ANN, [BOB], body=('x' * 70 + '\r\n') * 400)[:9], '552 5.3.4')
        expect('too many with one message', p.send(ANN, ANN, [BOB, CAT, ANN])[:9], '452 4.5.3')
        expect('within the limits', p.send(ANN, ANN, [BOB, CAT]), '')
        said = ''
        for i in range(8):  # the processes count together, with a moment's delay
            said = said or p.send(ANN, ANN, [BOB])
            time.sleep(0.2)
        expect('too many within an hour', said[:9], '452 4.5.3')
        expect('another class', p.send(BOB, BOB, [ANN, CAT, BOB]), '')
        p.cli('account', 'set', BOB, '--deny', 'smtp')
        time.sleep(NOTICED)
        expect('the service is switched off', refused_login(p, BOB) or p.send(BOB, BOB, [ANN])[:9] == '550 5.7.1', True)


@case
def quotas_are_of_classes_and_accounts():
    with Site() as p:
        p.cli('class', 'add', 'tiny', '--messages', '1')
        p.cli('account', 'set', ANN, '--class', 'tiny')
        p.start()
        expect('the first', p.send(BOB, BOB, [ANN]), '')
        p.wait_mail(ANN, 1)
        expect('full', p.send(BOB, BOB, [ANN])[:9], '452 4.2.2')
        p.cli('account', 'set', ANN, '--messages', 'none')
        time.sleep(NOTICED)
        expect('its own setting counts', p.send(BOB, BOB, [ANN]), '')


@case
def deleted_accounts_come_back_with_everything():
    with Site() as p:
        p.cli('account', 'own', ANN, 'a.lee@two.test')
        p.cli('group', 'add', 'team@one.test', ANN, BOB)
        p.start()
        expect('before', p.send(BOB, BOB, [ANN]), '')
        p.wait_mail(ANN, 1)
        p.cli('account', 'delete', ANN)
        time.sleep(NOTICED)
        for address in (ANN, 'ann+x@one.test', 'a.lee@two.test'):
            expect(address, p.rcpt(address)[0], 550)
        expect('no login', refused_login(p, ANN), True)
        expect('reserved', 'recovered' in p.failing('account', 'add', ANN, '--stdin', stdin=PASSWORD + '\n'), True)
        expect('listed', [a['address'] for a in p.json('account', 'list', '--deleted')['accounts']], [ANN])
        expect('the others go on', p.send(BOB, BOB, ['team@one.test']), '')
        p.wait_mail(BOB, 1)
        p.cli('account', 'recover', ANN)
        time.sleep(NOTICED)
        expect('mail', len(p.mail(ANN)), 1)
        expect('password, further address', p.send(ANN, 'a.lee@two.test', [BOB]), '')
        expect('group', p.json('group', 'members', 'team@one.test')['addresses'], [ANN, BOB])
        expect('mail comes again', p.send(BOB, BOB, ['a.lee@two.test']), '')
        p.wait_mail(ANN, 2)
        p.cli('account', 'delete', ANN)
        expect('with mail it asks', '--with-mail' in p.failing('account', 'remove', ANN), True)
        p.cli('account', 'remove', ANN, '--with-mail', '--yes')
        expect('gone', p.json('account', 'list', '--deleted')['accounts'], [])
        p.setup_command(f'account add {ANN}')
        expect('somebody new has no old mail', p.mail(ANN), [])


@case
def the_keeper_ends_what_was_deleted_long_ago():
    with Site('[directory]', 'keep_deleted = 1s') as p:
        p.start()
        expect('mail', p.send(BOB, BOB, [ANN]), '')
        p.wait_mail(ANN, 1)
        p.stop()
        p.cli('account', 'delete', ANN)
        time.sleep(1.2)
        p.start()
        wait_until('it is gone', 30, lambda: p.json('account', 'list', '--deleted')['accounts'] == [])
        expect('the store is well', 'no problems' in p.cli('store', 'verify') or p.json('store', 'verify').get('problems') in ([], 0), True)
        p.setup_command(f'account add {ANN}')
        expect('nothing is left', p.mail(ANN), [])


@case
def organisations_have_limits():
    with Site(accounts=()) as p:
        p.cli('org', 'add', 'acme', '--max-accounts', '1', '--title', '某公司')
        p.setup_command('domain add acme.test --org acme')
        p.setup_command('account add x@acme.test')
        expect('one is all', 'may have 1 accounts' in p.failing('account', 'add', 'y@acme.test', '--stdin', stdin=PASSWORD + '\n'), True)
        p.start()
        expect('there', p.rcpt('x@acme.test')[0], 250)
        p.cli('org', 'set', 'acme', '--disable')
        time.sleep(NOTICED)
        expect('disabled', (p.rcpt('x@acme.test')[0], refused_login(p, 'x@acme.test')), (550, True))
        p.cli('org', 'set', 'acme', '--enable')
        time.sleep(NOTICED)
        expect('enabled', (p.rcpt('x@acme.test')[0], refused_login(p, 'x@acme.test')), (250, False))


@case
def an_address_changes_and_everything_follows():
    with Site() as p:
        p.cli('account', 'own', ANN, 'a.miller@two.test')
        p.cli('forward', 'set', BOB, ANN)
        p.cli('digest', 'set', ANN, '--every', '1d')
        p.start()
        expect('mail', p.send(BOB, BOB, [ANN]), '')
        p.wait_mail(ANN, 1)
        out = p.cli('account', 'rename', ANN, 'Ann.Smith@two.test')
        new = 'ann.smith@two.test'
        expect('said', new in out and 'still arrives' in out, True)
        time.sleep(NOTICED)
        expect('the former login', refused_login(p, ANN), True)
        expect('logins and senders, old and new', [p.send(new, who, [CAT]) for who in (new, ANN, 'a.miller@two.test')], ['', '', ''])
        expect('her mail came with her', len(p.mail(new)) >= 1, True)
        before = len(p.mail(new))
        for to in (ANN, 'ann+x@one.test', new, 'a.miller@two.test'):
            expect(to, p.send(CAT, CAT, [to]), '')
        p.wait_mail(new, before + 4)
        shown = p.json('account', 'show', new)
        expect('addresses', sorted(shown['own_addresses']), ['a.miller@two.test', ANN])
        expect('forwarding leads to her', new in p.cli('forward', 'list'), True)
        expect('digest', new in p.cli('digest', 'list') and ANN not in p.cli('digest', 'list'), True)
        expect('another\'s address', 'exists already' in p.failing('account', 'rename', BOB, CAT), True)
        out = p.cli('account', 'rename', BOB, 'robert@one.test', '--no-alias')
        time.sleep(NOTICED)
        expect('without alias', (p.rcpt(BOB)[0], p.rcpt('robert@one.test')[0]), (550, 250))
        p.cli('domain', 'rename', 'one.test', 'fresh.test')
        time.sleep(NOTICED)
        expect('the domain', (p.rcpt('robert@fresh.test')[0], p.rcpt('robert@one.test')[0], p.rcpt('nobody@one.test')[0]), (250, 250, 550))
        expect('a login of it', (refused_login(p, 'robert@fresh.test'), refused_login(p, 'robert@one.test')), (False, True))
        expect('the store is well', p.json('store', 'verify').get('problems') in ([], 0), True)


POLICIES = '''[policy "vip"]
to = class:vip
direction = in
subject_tag = "[vip]"
[policy "sales"]
from = department:Sales
direction = out internal
subject_tag = "[sales]"
[policy "group"]
to = group:staff@one.test !class:vip
direction = in
subject = *blocked*
do = reject
code = 554
text = "Not for staff"
'''


@case
def policies_know_the_directory():
    with Site() as p:
        p.cli('class', 'add', 'vip')
        p.cli('department', 'add', 'Sales/East')
        p.cli('group', 'add', 'staff@one.test')
        p.cli('group', 'join', 'staff@one.test', ANN, BOB)
        p.cli('account', 'set', ANN, '--department', 'Sales/East')
        p.cli('policy', 'set', p.write('policies.conf', POLICIES))
        p.start()

        def lmtp(subject, *rcpts):
            """The answer for each recipient."""
            with smtplib.LMTP('127.0.0.1', p.ports['lmtp'], timeout=60) as s:
                s.ehlo('gate.test')
                s.mail('x@stranger.test')
                for r in rcpts:
                    expect(r, s.rcpt(r)[0], 250)
                s.putcmd('data')
                expect('data', s.getreply()[0], 354)
                s.send(f'From: x@stranger.test\r\nTo: {rcpts[0]}\r\nSubject: {subject}\r\n\r\ntext\r\n.\r\n'.encode())
                return [s.getreply()[0] for _ in rcpts]

        expect('each recipient has an answer of its own', lmtp('one', ANN, BOB, CAT), [250, 250, 250])
        for who in (ANN, BOB, CAT):
            p.wait_mail(who, 1)
        expect('no tag yet', ['[vip]' in p.wait_mail(who, 1) for who in (ANN, BOB)], [False, False])
        expect('a member of the group alone is refused', lmtp('blocked', BOB), [554])
        expect('and nobody refuses for others', lmtp('blocked', CAT, BOB), [250, 250])
        p.wait_mail(CAT, 2)
        expect('it bounced', len(p.mail(BOB)), 1)
        p.cli('account', 'set', BOB, '--class', 'vip')  # counts at once, without a reload
        time.sleep(NOTICED)
        answers = lmtp('blocked', CAT, BOB)
        expect('vip is not', answers, [250, 250])
        expect('but marked', '[vip]' in p.wait_mail(BOB, 2), True)
        p.wait_mail(CAT, 3)
        expect('sent by sales', p.send(ANN, ANN, [CAT]), '')
        expect('marked', '[sales]' in p.wait_mail(CAT, 4), True)
        letter = p.write('letter', 'From: x@stranger.test\r\nTo: b\r\nSubject: blocked\r\n\r\ntext\r\n')
        shown = p.cli('policy', 'test', letter, '--from', 'x@stranger.test', '--to', BOB)
        expect('explained', 'class:vip' in shown and 'group:staff@one.test' in shown, True)


if __name__ == '__main__':
    sys.exit(run_cases(sys.argv[1:]))
