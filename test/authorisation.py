#!/usr/bin/env python3
"""Who may do what with whose mailbox, tried by IMAP from the outside: people of one organisation and of another, by grants, groups, membership
and "anyone"; what is hidden answers as what is not there; rights that are taken away end at once, in folders that are open, too.

    test/authorisation.py [WORD ...]     the cases whose names contain one of the words
"""
import imaplib, os, re, smtplib, ssl, sys, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from posthouse import PASSWORD, Instance, wait_until
from tally import case, expect, run_cases

TLS = ssl._create_unverified_context()
ANN, BOB, CAT, DAN, EVE = 'ann@one.test', 'bob@one.test', 'cat@one.test', 'dan@one.test', 'eve@two.test'
SALES, HIDDEN, TEAM = 'sales@one.test', 'hidden@one.test', 'team@one.test'
SHARED = f'Shared/{SALES}/INBOX'
NOTICED = 1.5  # servers see changes of the directory within a second
LETTER = b'From: ann@one.test\r\nSubject: secret number\r\n\r\n4711\r\n'


class Client:
    def __init__(self, who, port='imaps'):
        self.m = imaplib.IMAP4_SSL('localhost', p.ports[port], ssl_context=TLS, timeout=30)
        self.m.login(who, PASSWORD)
        self.n = 0

    def say(self, command, literal=None):
        """Answer and all its lines, with the tag cut off."""
        self.n += 1
        tag = b'q%d' % self.n
        self.m.send(tag + b' ' + command.encode() + (b' {%d+}\r\n' % len(literal) + literal if literal is not None else b'') + b'\r\n')
        lines = b''
        while True:
            line = self.m.readline()
            if not line:
                raise AssertionError(f'{command}: the session ended')
            if line.startswith(tag + b' '):
                return line[len(tag) + 1:].decode().strip(), lines.decode('utf-8', 'replace')
            lines += line

    def ok(self, command, literal=None):
        answer, lines = self.say(command, literal)
        if not answer.startswith('OK'):
            raise AssertionError(f'{command}: {answer}')
        return lines

    def word(self, command, literal=None):
        """OK, or the response code: NOPERM, NONEXISTENT ..."""
        answer = self.say(command, literal)[0]
        code = re.match(r'(?:NO|BAD) \[([A-Z]+)', answer)
        return code.group(1) if code else answer.split()[0]

    def close(self):
        try:
            self.m.shutdown()
        except OSError:
            pass


def fill(who, folder='INBOX', n=1):
    c = Client(who)
    if '/' not in folder and folder != 'INBOX':
        c.say(f'CREATE {folder}')
    for _ in range(n):
        c.ok(f'APPEND "{folder}"', LETTER)
    c.close()


def others(who, folder):
    return f'Other Users/{who}/{folder}'


# ---- what is hidden

COMMANDS = ('SELECT "{f}"', 'EXAMINE "{f}"', 'STATUS "{f}" (MESSAGES SIZE)', 'MYRIGHTS "{f}"', 'GETACL "{f}"', 'LISTRIGHTS "{f}" ' + BOB,
            'SETACL "{f}" ' + BOB + ' lr', 'DELETEACL "{f}" ' + BOB, 'GETQUOTAROOT "{f}"', 'GETQUOTA "{f}"', 'CREATE "{f}"', 'CREATE "{f}/x"',
            'CREATE "{f}/"', 'DELETE "{f}"', 'RENAME "{f}" "mine"', 'RENAME "mine2" "{f}"', 'COPY 1 "{f}"', 'MOVE 1 "{f}"', 'GETMETADATA "{f}" /shared/comment',
            'SETMETADATA "{f}" (/private/comment "x")', 'SETMETADATA "{f}" (/shared/comment "x")',
            'APPEND INBOX CATENATE (URL "/{f};UID=1")', 'LIST "" "{f}"', 'LIST "" "{f}" RETURN (STATUS (MESSAGES))', 'LSUB "" "{f}"',
            'SUBSCRIBE "{f}"', 'UNSUBSCRIBE "{f}"', 'NOTIFY SET STATUS (MAILBOXES "{f}" (MessageNew MessageExpunge))', 'NOTIFY NONE')


def answers(c, name):
    """What each command says of a name, the name itself cut out."""
    out = []
    for command in COMMANDS:
        if command.startswith(('COPY', 'MOVE')):
            c.ok('SELECT INBOX')
        answer, lines = c.say(command.format(f=name))
        lines = lines.replace('* OK [CLOSED] The mailbox before is closed\r\n', '')
        out.append(re.sub(r'MODSEQ \d+|UID \d+', '', (answer + '\n' + lines).replace(name, 'NAME')))
    literal = c.say(f'APPEND "{name}"', LETTER)
    return out + [literal[0].replace(name, 'NAME')]


@case
def what_is_hidden_answers_as_what_is_not_there():
    fill(BOB, 'Archive')
    fill(CAT)
    for who in (CAT, EVE):
        c = Client(who)
        c.ok('CREATE mine2')
        c.ok('SELECT INBOX')
        for space, there, never in (('Other Users', BOB, 'nob@one.test'), ('Shared', HIDDEN, 'nobody@one.test'), ('Other Users', HIDDEN, 'nobody@one.test'),
                                    ('Shared', BOB, 'nob@one.test'), ('Other Users', DAN, 'nob@two.test')):
            for folder in ('INBOX', 'inbox', 'Archive', 'none', '', '/', '/a', 'a//b', '../INBOX', 'x' * 300, 'INBOX/INBOX'):
                a, b = (answers(c, f'{space}/{address}/{folder}') for address in (there, never))
                for command, one, other in zip(COMMANDS + ('APPEND',), a, b):
                    one, other = (x.replace(there, 'WHO').replace(never, 'WHO') for x in (one, other))
                    if one != other:
                        raise AssertionError(f'{who}: {command} of {space}/{there}/{folder}: {one!r}; of nobody: {other!r}')
            listed = c.ok('LIST "" "*"')
            expect(f'{there} in a list', there in listed, False)
        c.close()


@case
def people_of_other_organisations_cannot_be_told_from_nobody():
    c = Client(ANN)
    for command in ('SETACL INBOX {} lr', 'DELETEACL INBOX {}', 'SETACL INBOX -{} lr', 'DELETEACL INBOX -{}', 'SETACL INBOX {} ""'):
        there, never = (c.say(command.format(x))[0].replace(x, 'WHO') for x in (EVE, 'nobody@two.test'))
        expect(command, there, never)
    c.close()


# ---- the table

MATRIX = (  # operation, rights that it needs (any of the sets), what says that it was done
    ('SELECT "{f}"', 'r'), ('EXAMINE "{f}"', 'r'), ('STATUS "{f}" (MESSAGES)', 'r'), ('GETQUOTAROOT "{f}"', 'r'),
    ('GETMETADATA "{f}" /shared/comment', 'r'), ('SETMETADATA "{f}" (/private/comment "x")', 'r'), ('SETMETADATA "{f}" (/shared/comment "x")', 'w'),
    ('GETACL "{f}"', 'a'), ('SETACL "{f}" ' + DAN + ' l', 'a'), ('DELETEACL "{f}" ' + DAN, 'a'), ('LISTRIGHTS "{f}" ' + DAN, 'a'),
    ('CREATE "{f}/{n}"', 'k'), ('COPY 1 "{f}"', 'i'), ('MOVE 1 "{f}"', 'i'), ('DELETE "{f}/{n}"', 'x'))


@case
def each_operation_needs_its_right():
    fill(ANN, 'Work', 2)
    fill(BOB, n=40)
    owner, c = Client(ANN), Client(BOB)
    folder = others(ANN, 'Work')
    for right in 'rswipkxtea':
        owner.ok(f'SETACL Work {BOB} l{right}')
        expect('MYRIGHTS', f' l{right}' in c.ok(f'MYRIGHTS "{folder}"'), True)
        for i, (command, needs) in enumerate(MATRIX):
            if command.startswith('DELETE "'):
                owner.say(f'CREATE Work/{right}{i}')
                owner.ok(f'SETACL Work/{right}{i} {BOB} l{right}')
            if '1 "' in command:
                c.ok('SELECT INBOX')
            got = c.word(command.format(f=folder, n=f'{right}{i}'))
            expect(f'{command} with l{right}', got, 'OK' if right == needs else 'NOPERM')
        got = c.word(f'APPEND "{folder}"', LETTER)
        expect(f'APPEND with l{right}', got, 'OK' if right == 'i' else 'NOPERM')
    owner.ok(f'DELETEACL Work {BOB}')
    expect('without l', c.word(f'SELECT "{folder}"'), 'NONEXISTENT')
    owner.close(), c.close()


CHANGES = (('STORE 1 +FLAGS (\\Seen)', 's'), ('STORE 1 +FLAGS (\\Deleted)', 't'), ('STORE 1 +FLAGS (\\Flagged)', 'w'), ('STORE 1 +FLAGS ($Label1)', 'w'),
           ('EXPUNGE', 'e'), ('MOVE 1 INBOX', 'te'), ('REPLACE 1 INBOX', 'te'))


@case
def reading_changes_nothing():
    fill(ANN, 'Read', 3)
    owner, folder = Client(ANN), others(ANN, 'Read')
    before = None
    for right in ('', 's', 't', 'w', 'e', 'i', 'p', 'a', 'k', 'x'):
        owner.ok(f'SETACL Read {BOB} lr{right}')
        c = Client(BOB)
        c.ok(f'SELECT "{folder}"')
        for command, needs in CHANGES:
            if needs == right and right in 'ste':
                continue
            got = c.word(command, LETTER if command.startswith('REPLACE') else None)
            expect(f'{command} with lr{right}', got, 'OK' if needs == right else 'NOPERM')
        expect('the bytes', b'4711'.decode() in c.ok('FETCH 1 BODY[TEXT]'), True)
        c.close()
        owner.ok('EXAMINE Read')
        now = owner.ok('FETCH 1:* (UID FLAGS BODY.PEEK[TEXT])')
        if right == '':
            before = now
            expect('\\Seen', '\\Seen' in now, False)
        expect(f'messages with lr{right}', now.count('FETCH ('), 3)
        owner.ok('UNSELECT')
    expect('there was something', '4711' in before, True)
    # \Seen alone, by reading, for who may.
    owner.ok(f'SETACL Read {BOB} lrs')
    c = Client(BOB)
    c.ok(f'SELECT "{folder}"')
    c.ok('FETCH 2 BODY[TEXT]')
    c.ok('STORE 2 FLAGS (\\Deleted \\Answered \\Seen $Mine)')
    c.close()
    owner.ok('EXAMINE Read')
    flags = owner.ok('FETCH 2 FLAGS')
    expect('flags', ('\\Seen' in flags, '\\Deleted' in flags, '\\Answered' in flags, '$Mine' in flags), (True, False, False, False))
    # Flags that come along with a message.
    owner.ok('UNSELECT')
    owner.ok(f'SETACL Read {BOB} lri')
    c = Client(BOB)
    c.ok(f'APPEND "{folder}" (\\Seen \\Deleted \\Flagged $Mine)', LETTER)
    c.close()
    owner.ok('EXAMINE Read')
    flags = owner.ok('FETCH 4 FLAGS')
    expect('flags of a new message', any(x in flags for x in ('\\Seen', '\\Deleted', '\\Flagged', '$Mine')), False)
    owner.close()


# ---- rights that end while a folder is open

LOOKS = ('FETCH 1:* BODY.PEEK[]', 'FETCH 1 (ENVELOPE FLAGS)', 'SEARCH SUBJECT secret', 'SEARCH SEEN', 'STORE 1 +FLAGS (\\Flagged)', 'COPY 1 INBOX',
         'MOVE 1 INBOX', 'EXPUNGE', 'APPEND INBOX CATENATE (URL "/;UID=1")', 'SORT (SUBJECT) UTF-8 ALL')


def ends(what, give, folder, take):
    """The first command after it must not work any more: one session each."""
    give()
    clients = []
    for command in LOOKS:
        c = Client(BOB)
        c.ok(f'SELECT "{folder}"')
        expect(f'{what}: at first', '4711' in c.ok('FETCH 1 BODY.PEEK[TEXT]'), True)
        clients.append((command, c))
    take()
    for command, c in clients:
        answer, lines = c.say(command)
        shown = '4711' in lines or 'secret' in lines or re.search(r'\* (SEARCH|SORT) \d', lines) is not None
        if answer.startswith('OK') or shown:
            raise AssertionError(f'{what}: {command} still works: {answer} {lines[:200]}')
        c.close()


@case
def rights_that_were_taken_away_end_at_once():
    fill(ANN, 'Open', 2)
    fill(SALES_KEEPER, SHARED, 2)
    owner = Client(ANN)
    folder = others(ANN, 'Open')

    def later(*command):
        p.cli(*command)
        time.sleep(NOTICED)
    ends('DELETEACL', lambda: owner.ok(f'SETACL Open {BOB} lrswite'), folder, lambda: owner.ok(f'DELETEACL Open {BOB}'))

    def withhold():
        owner.ok(f'SETACL Open anyone lrswite')
    ends('a negative entry', withhold, folder, lambda: owner.ok(f'SETACL Open -{BOB} rswite'))
    owner.ok(f'DELETEACL Open -{BOB}')
    ends('anyone', withhold, folder, lambda: owner.ok('DELETEACL Open anyone'))

    def to_group():
        owner.ok(f'SETACL Open group:{TEAM} lrswite')
        later('group', 'join', TEAM, BOB)
    ends('a group', to_group, folder, lambda: later('group', 'leave', TEAM, BOB))
    owner.ok(f'DELETEACL Open group:{TEAM}')
    ends('a member', lambda: later('shared', 'grant', SALES, BOB), SHARED, lambda: later('shared', 'revoke', SALES, BOB))
    expect('it is gone', Client(BOB).word(f'SELECT "{SHARED}"'), 'NONEXISTENT')
    ends('an owner who is disabled', lambda: owner.ok(f'SETACL Open {BOB} lrswite'), folder, lambda: later('account', 'disable', ANN))
    c = Client(BOB)
    expect('in a list', ANN in c.ok('LIST "" *'), False)
    p.cli('account', 'enable', ANN)
    time.sleep(NOTICED)
    expect('and is back', ANN in c.ok('LIST "" *'), True)
    c.close()


@case
def members_of_shared_mailboxes_do_what_their_level_says():
    fill(SALES_KEEPER, SHARED, 2)
    p.cli('shared', 'grant', SALES, CAT, '--level', 'read')
    time.sleep(NOTICED)
    c = Client(CAT)
    c.ok(f'SELECT "{SHARED}"')
    before = c.ok('FETCH 1:* FLAGS')
    for command in ('STORE 1 +FLAGS (\\Deleted)', 'EXPUNGE', 'MOVE 1 INBOX', f'SETACL "{SHARED}" {CAT} lrswipkxtea', f'DELETE "{SHARED}"',
                    f'CREATE "Shared/{SALES}/New"', f'RENAME "{SHARED}" "Shared/{SALES}/Old"', f'SETMETADATA "{SHARED}" (/shared/comment "x")'):
        expect(command, c.word(command), 'NOPERM')
    expect('APPEND', c.word(f'APPEND "{SHARED}"', LETTER), 'NOPERM')
    expect('nothing changed', c.ok('FETCH 1:* FLAGS').count('FETCH'), before.count('FETCH'))
    expect('another organisation', Client(EVE).word(f'SELECT "{SHARED}"'), 'NONEXISTENT')
    c.close()
    p.cli('shared', 'revoke', SALES, CAT)
    time.sleep(NOTICED)


# ---- private annotations, subscriptions

@case
def annotations_belong_to_their_reader():
    fill(ANN, 'Notes')
    owner, c = Client(ANN), Client(BOB)
    owner.ok(f'SETACL Notes {BOB} lrw')
    owner.ok('SETMETADATA Notes (/private/comment "of ann")')
    folder = others(ANN, 'Notes')
    expect('another reader', 'of ann' in c.ok(f'GETMETADATA (DEPTH infinity) "{folder}" (/private/comment /shared/comment)'), False)
    c.ok(f'SETMETADATA "{folder}" (/private/comment "of bob")')
    expect('the owner', 'of ann' in owner.ok('GETMETADATA Notes /private/comment'), True)
    # Another reader cannot use up what the owner may keep there.
    for i in range(200):
        if c.word(f'SETMETADATA "{folder}" (/private/n{i} "x")') != 'OK':
            break
    expect('the owner still writes', owner.word('SETMETADATA Notes (/private/more "x")'), 'OK')
    owner.close(), c.close()


# ---- logins

@case
def failures_count_for_all_spellings_of_a_name():
    def spelled(name):
        m = imaplib.IMAP4_SSL('localhost', p.ports['imaps'], ssl_context=TLS, timeout=30)
        try:
            m.login(name, 'wrong')
        except imaplib.IMAP4.error:
            pass
        m.shutdown()
    for i in range(6):
        spelled(''.join(x.upper() if 1 << n & i + 1 else x for n, x in enumerate(DAN)))
    try:
        Client(DAN).close()
    except imaplib.IMAP4.error as e:
        expect('the answer', 'Wrong user name or password' in str(e), True)
        return
    raise AssertionError('an account was guessed at in six spellings and is not locked')


# ---- commands that want too much

@case
def commands_that_want_too_much_are_refused_and_cost_little():
    c = Client(BOB)
    c.ok('SELECT INBOX')
    tries = ['SEARCH ' + '(' * 3000 + 'ALL' + ')' * 3000, 'SEARCH ' + 'NOT ' * 4000 + 'ALL', 'SEARCH ' + 'OR ALL ' * 4000 + 'ALL',
             'FETCH 1 BODY[' + '.'.join(['1'] * 4000) + ']', 'FETCH 1 (' + ' '.join(['BODY.PEEK[]'] * 2000) + ')',
             'FETCH ' + ','.join(['1:*'] * 10000) + ' FLAGS', 'UID FETCH ' + ','.join(['1:*'] * 10000) + ' FLAGS',
             'LIST "" "' + '*%' * 2000 + '"', 'LIST "" (' + ' '.join(['"*"'] * 3000) + ')', 'CREATE "' + '/'.join(['a'] * 5000) + '"',
             'CREATE "a\tb"', 'CREATE "a//b"', 'CREATE "/a"', 'CREATE inbox', 'CREATE "INBOX/"', 'CREATE Shared/x',
             'CREATE "Other Users"', 'SELECT "&2AA-"', 'SUBSCRIBE "a\x01b"', 'STORE 1 +FLAGS (' + ' '.join(f'k{i}' for i in range(3000)) + ')',
             'STORE 1 +FLAGS (' + 'k' * 3000 + ')', 'APPEND INBOX {18446744073709551615}', 'APPEND INBOX {4294967296}', 'APPEND INBOX {-1}',
             'SETMETADATA INBOX (/private/x {4294967296}', 'THREAD REFERENCES UTF-8 ' + '(' * 2000 + 'ALL' + ')' * 2000]
    started = time.monotonic()
    for command in tries:
        answer = c.say(command)[0]
        if answer.startswith('OK') and not command.split()[0] in ('FETCH', 'UID', 'LIST', 'SEARCH'):
            raise AssertionError(f'{command[:60]}: {answer}')
    expect('alive', c.word('NOOP'), 'OK')
    expect('quick', time.monotonic() - started < 20, True)
    c.close()


@case
def a_command_of_few_words_does_not_fill_the_disk():
    c = Client(CAT)
    c.ok('CREATE Big')
    expect('its message', c.m.append('Big', None, None, LETTER + b'x' * 800000)[0], 'OK')
    p.cli('account', 'quota', CAT, '1M')
    time.sleep(NOTICED)
    c.ok('SELECT Big')
    part = 'URL "/Big/;UID=1"'
    started = time.monotonic()
    expect('100 messages of 8 MB', c.word('APPEND Big' + f' CATENATE ({" ".join([part] * 10)})' * 100), 'OVERQUOTA')
    expect('at once', time.monotonic() - started < 5, True)
    p.cli('account', 'quota', CAT, 'none')
    c.close()


SALES_KEEPER = ANN

with Instance(config=['[auth]', 'failure_delay = 0', 'failure_delay_max = 0', 'failures_per_login = 5', 'failures_per_ip = 1000', 'ban_after = 0',
                      'hashes_at_once = 2'],
              listeners=('mx', 'imaps')) as p:
    p.setup_command('domain add one.test')
    p.setup_command('org add other')
    p.setup_command('domain add two.test --org other')
    for account in (ANN, BOB, CAT, DAN, EVE):
        p.setup_command(f'account add {account}')
    p.setup_command(f'shared add {SALES} {SALES_KEEPER} --level manage')
    p.setup_command(f'shared add {HIDDEN}')
    p.setup_command(f'group add {TEAM}')
    p.start()
    with smtplib.SMTP('127.0.0.1', p.ports['mx']) as smtp:  # their folders come with the first mail
        for shared in (SALES, HIDDEN):
            smtp.sendmail('carl@elsewhere.test', [shared], LETTER)
            p.wait_mail(shared, 1)
    status = run_cases(sys.argv[1:])
sys.exit(status)
