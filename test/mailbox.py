#!/usr/bin/env python3
"""`posthouse mailbox` beside a running server: what a mail program deletes is logged and comes back, ends when its time is over;
tables that disagree are found and mended; what follows from the messages is made anew.

    test/mailbox.py [WORD ...]     the cases whose names contain one of the words
"""
import imaplib, json, os, smtplib, sqlite3, ssl, subprocess, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from posthouse import Instance, PASSWORD, PROGRAM, wait_until
from tally import case, run_cases

ANN = 'ann@local.test'


def expect(good, what):
    if not good:
        raise AssertionError(what)


class Site(Instance):
    def __init__(self, *config, letters=4):
        super().__init__(config=['[filter]', 'mark = 0', 'reject = 0', 'quarantine = 0', *config], listeners=('mx', 'imaps'))
        for command in ('domain add local.test', f'account add {ANN}'):
            self.setup_command(command)
        self.start()
        for i in range(1, letters + 1):
            with smtplib.SMTP('127.0.0.1', self.ports['mx'], timeout=60) as s:
                s.sendmail('zoe@else.test', [ANN], f'From: Zoe <zoe@else.test>\r\nTo: {ANN}\r\nSubject: letter {i}\r\n'
                           f'Message-ID: <{i}@else.test>\r\n' + (f'References: <{i - 1}@else.test>\r\n' if i % 2 == 0 else '') + f'\r\nText {i}.\r\n')
            self.wait_mail(ANN, i)

    def program(self):
        """A mail program that has INBOX open."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        m = imaplib.IMAP4_SSL('127.0.0.1', self.ports['imaps'], ssl_context=context, timeout=30)
        m.login(ANN, PASSWORD)
        expect(m.select('INBOX')[0] == 'OK', 'SELECT')
        return m

    def subjects(self, *options):
        return [m['subject'] for m in self.json('mailbox', 'list', ANN, *options)['messages']]

    def database(self):
        account = self.json('account', 'list')['accounts'][0]['id']
        return sqlite3.connect(f'{self.dir}/data/db/mail-{account % 4:02}.sqlite', timeout=30)

    def code(self, *args):
        return subprocess.run([PROGRAM, '--config', self.conf, *args], capture_output=True, env=self.environment).returncode


@case
def deleted_mail_comes_back():
    with Site() as p:
        m = p.program()
        m.uid('STORE', '2:3', '+FLAGS', r'(\Deleted \Flagged)')
        m.expunge()
        m.logout()
        expect(p.subjects() == ['letter 1', 'letter 4'], p.subjects())
        removed = p.json('mailbox', 'removed', ANN)['removed']
        expect([r['subject'] for r in removed] == ['letter 3', 'letter 2'], removed)
        r = removed[0]
        expect(r['who'] == ANN and r['protocol'] == 'imap' and r['ip'] == '127.0.0.1' and r['can_return'] and r['from'] == 'zoe@else.test', r)
        expect(p.json('mailbox', 'removed', ANN, '--text', 'TER 2')['removed'] == removed[1:], 'by text')
        expect(p.json('mailbox', 'removed', ANN, '--until', '1h')['removed'] == [], 'by time')
        expect(p.code('mailbox', 'recover', ANN) == 2 and p.code('mailbox', 'recover', ANN, 'x.y') == 2, 'which?')
        p.cli('mailbox', 'recover', ANN, removed[1]['id'])
        expect(p.code('mailbox', 'recover', ANN, removed[1]['id']) != 0, 'once')
        p.cli('mailbox', 'recover', ANN, '--since', '1h', '--to', 'Rescued/今天')
        expect(p.subjects() == ['letter 1', 'letter 4', 'letter 2'], p.subjects())
        expect(p.subjects('--folder', 'Rescued/今天') == ['letter 3'], 'into another folder')
        back = p.json('mailbox', 'list', ANN)['messages'][-1]
        expect(back['flags'] == r'\Flagged' and back['uid'] == 5, back)
        log = p.json('mailbox', 'log', ANN)['log']
        expect([l['how'] for l in log] == ['recovered', 'recovered', 'expunged', 'expunged'] and log[0]['who'].startswith('administrator'), log)
        expect('Text 2.' in p.cli('mailbox', 'cat', ANN, '5'), 'its bytes')
        expect('letter 2' in p.cli('mailbox', 'show', ANN, '5') and 'text/plain' in p.cli('mailbox', 'show', ANN, '5').lower(), 'show')
        expect(p.code('mailbox', 'verify') == 0 and p.code('store', 'verify') == 0, 'verify')


@case
def who_has_it_open_sees_it_return():
    with Site(letters=2) as p:
        m = p.program()
        m.uid('STORE', '1', '+FLAGS', r'(\Deleted)')
        m.expunge()
        p.cli('mailbox', 'recover', ANN, '--all')
        wait_until('the message in the open mailbox', 10, lambda: (m.noop(), m.uid('SEARCH', 'ALL')[1][0].split())[1] == [b'2', b'3'])
        m.logout()


@case
def damage_is_mended_and_the_index_made_again():
    with Site() as p:
        before = p.json('mailbox', 'list', ANN)['messages']
        expect(before[0]['thread'] == before[1]['thread'] != before[2]['thread'] == before[3]['thread'], before)
        p.stop()
        db = p.database()
        with db:
            db.execute('UPDATE folder SET messages = 77, uidnext = 1')
            db.execute("UPDATE email SET summary = X'', thread_id = id")
            db.execute('DELETE FROM message WHERE uid = 3')
        db.close()
        found = json.loads(subprocess.run([PROGRAM, '--config', p.conf, 'mailbox', 'verify', ANN, '--json'], capture_output=True, env=p.environment).stdout)
        expect({'mailbox-count', 'mailbox-uid', 'mailbox-nowhere'} <= {f['kind'] for f in found['problems']}, found)
        expect(p.code('mailbox', 'verify') == 1, 'all')
        p.cli('mailbox', 'repair')
        expect(p.code('mailbox', 'verify') == 0 and p.code('mailbox', 'verify', ANN) == 0, 'mended')
        expect(p.subjects() == ['letter 1', 'letter 2', 'letter 4'] and p.subjects('--folder', 'Recovered') == ['letter 3'], 'nothing is lost')
        expect(p.json('mailbox', 'reindex')['messages'] == 4, 'reindex')
        after = p.json('mailbox', 'list', ANN)['messages']
        expect([m['thread'] for m in after] == [before[i]['thread'] for i in (0, 1, 3)], after)
        p.start()
        p.program().logout()


@case
def what_is_deleted_ends():
    with Site('[mailbox]', 'keep_removed = 0', 'keep_log = 1d', letters=2) as p:
        m = p.program()
        m.uid('STORE', '1', '+FLAGS', r'(\Deleted)')
        m.expunge()
        m.logout()
        expect(len(p.json('mailbox', 'removed', ANN)['removed']) == 1, 'deliveries are known for some minutes')
        db = p.database()
        with db:
            db.execute('UPDATE removed SET removed_at = removed_at - 3600000000')
        wait_until('its bytes to be given up', 90, lambda: not p.json('mailbox', 'removed', ANN)['removed'], every=1)
        expect([(l['subject'], l['can_return']) for l in p.json('mailbox', 'log', ANN)['log']] == [('letter 1', False)], 'the line stays')
        expect(db.execute('SELECT COUNT(*) FROM email').fetchone() == (1,), 'the email goes')
        db.close()
        expect(p.code('mailbox', 'verify') == 0, 'verify')


if __name__ == '__main__':
    sys.exit(run_cases(sys.argv[1:]))
