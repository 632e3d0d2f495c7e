#!/usr/bin/env python3
"""Mail that stays as long as rules say, and accounts on legal hold that lose none: with the commands, on a server that runs.

    test/retention.py [WORD ...]     the cases whose names contain one of the words

Mail is made old by putting its dates back in the database.
"""
import glob, imaplib, os, sqlite3, ssl, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from posthouse import Instance, PASSWORD, wait_until
from tally import case, expect, run_cases

DAY = 86400 * 1000000
TLS = ssl._create_unverified_context()
ANN, BOB = 'ann@one.test', 'bob@one.test'


def mail(who):
    m = imaplib.IMAP4('127.0.0.1', p.ports['imap'])
    m.starttls(TLS)
    m.login(who, PASSWORD)
    return m


def fill(who, folder, n):
    with mail(who) as m:
        m.create(folder)
        for i in range(n):
            expect('append', m.append(folder, '', None, f'Subject: {i}\r\n\r\nx\r\n'.encode())[0], 'OK')


def count(who, folder):
    with mail(who) as m:
        return int(m.select(folder, readonly=True)[1][0])


def make_older(days, table='message', column='saved_at'):
    for path in glob.glob(f'{p.data}/db/mail-*.sqlite'):
        with sqlite3.connect(path, timeout=20) as db:
            db.execute(f'UPDATE {table} SET {column} = {column} - {days * DAY}')


def one(name, query):
    """The sum of what the databases of that name say."""
    total = 0
    for path in glob.glob(f'{p.data}/db/{name}.sqlite'):
        with sqlite3.connect(path, timeout=20) as db:
            total += db.execute(query).fetchone()[0]
    return total


def can_log_in(who):
    try:
        with mail(who):
            return True
    except imaplib.IMAP4.error:
        return False


def said(*args):
    return p.cli(*args)


def failing(*args):
    """What a command says that must not succeed."""
    try:
        p.cli(*args)
    except RuntimeError as e:
        return str(e)
    raise AssertionError(f'{args} succeeded')


@case
def old_mail_leaves_by_the_narrowest_rule():
    fill(ANN, 'Old', 30)
    fill(ANN, 'Old/Keep', 5)
    fill(BOB, 'Old', 7)
    make_older(10)
    fill(ANN, 'Old', 3)
    said('retention', 'set', 'Old', '5', '--all')
    said('retention', 'set', 'Old/Keep', 'forever', '--all')
    said('retention', 'set', 'Old', 'forever', '--account', BOB)
    expect('a dry run tells', '30 messages' in said('retention', 'run', '--dry-run'), True)
    expect('a dry run takes nothing', count(ANN, 'Old'), 33)
    said('retention', 'run')
    expect('what is left', (count(ANN, 'Old'), count(ANN, 'Old/Keep'), count(BOB, 'Old')), (3, 5, 7))
    removed = p.json('mailbox', 'removed', ANN)
    expect('all can be brought back', len(next(v for v in removed.values() if isinstance(v, list))), 30)


@case
def a_program_that_waits_hears_of_it():
    fill(ANN, 'Watched', 2)
    make_older(10)
    said('retention', 'set', 'Watched', '5', '--account', ANN)
    with mail(ANN) as m:
        expect('before', m.select('Watched')[1], [b'2'])
        said('retention', 'run')
        wait_until('EXPUNGE', 10, lambda: m.noop() and m.response('EXPUNGE')[1] != [None])


@case
def a_hold_keeps_everything():
    fill(BOB, 'Held', 4)
    make_older(10)
    said('retention', 'set', 'Held', '5', '--all')
    said('hold', 'set', 'case-1', '--account', BOB, '--reason', 'court order')
    expect('no rule touches it', '0 messages' in said('retention', 'run'), True)
    expect('all there', count(BOB, 'Held'), 4)
    with mail(BOB) as m:
        m.select('Held')
        m.store('1:4', '+FLAGS', '\\Deleted')
        m.expunge()
    make_older(1000, 'removed', 'removed_at')
    expect('listed', p.json('hold', 'list')['holds'][0]['name'], 'case-1')
    said('account', 'delete', BOB)
    expect('purging is refused', 'legal hold' in failing('account', 'remove', BOB, '--with-mail', '--yes'), True)
    said('account', 'recover', BOB)
    expect('what was deleted long ago is there', len(p.json('mailbox', 'removed', BOB)['removed']), 4)
    said('hold', 'release', 'case-1')
    expect('it stays in the list', bool(p.json('hold', 'list')['holds'][0]['released_at']), True)


def database(name):
    return sqlite3.connect(os.path.join(p.data, 'db', name + '.sqlite'), timeout=20)


def read(name, query):
    with database(name) as db:
        return db.execute(query).fetchone()[0]


@case
def what_killed_commands_left_is_completed():
    """`hold release` before the shards knew, `account rename` before the other databases followed: the keeper ends both."""
    fill(ANN, 'Kept', 1)
    said('hold', 'set', 'case-2', '--account', ANN)
    number = read('directory', f"SELECT id FROM account WHERE address = '{ANN}'")
    shard = f'mail-{number % 4:02d}'
    expect('marked', read(shard, 'SELECT SUM(held) FROM mailbox'), 1)
    p.stop()
    with database('directory') as db:
        db.execute("UPDATE hold SET released_at = 1, released_by = 'x' WHERE name = 'case-2'")
        db.execute("INSERT INTO renamed (former, address, at, by_whom, waits) VALUES ('former@one.test', 'bob@one.test', 0, 'x', 1)")
    with database(shard) as db:
        db.execute("INSERT INTO acl (account_id, folder_id, who, rights) VALUES (999, 1, 'former@one.test', 1)")
    p.start()
    wait_until('nobody is on hold', 20, lambda: read(shard, 'SELECT SUM(held) FROM mailbox') == 0)
    wait_until('nothing waits', 20, lambda: read('directory', 'SELECT SUM(waits) FROM renamed') == 0)
    expect('followed', read(shard, 'SELECT who FROM acl WHERE account_id = 999'), BOB)
    with database(shard) as db:
        db.execute('DELETE FROM acl WHERE account_id = 999')


@case
def a_removed_account_leaves_nothing():
    carl = 'carl@one.test'
    p.cli('account', 'add', carl, '--stdin', stdin=PASSWORD + '\n')
    wait_until('login', 10, lambda: can_log_in(carl))
    fill(carl, 'Old', 3)
    said('retention', 'set', 'Old', '5', '--account', carl)
    p.cli('collect', 'add', carl, '--from', '192.0.2.1', '--user', 'carl', '--every', '1h', '--password-file', '-', stdin='secret\n')
    number = one('directory', f"SELECT id FROM account WHERE address = '{carl}'")
    wait_until('the index', 20, lambda: one('index-*', f'SELECT COUNT(*) FROM indexed WHERE account_id = {number}') == 1)
    expect('a job', one('import', f'SELECT COUNT(*) FROM job WHERE account_id = {number}'), 1)
    said('account', 'remove', carl, '--with-mail', '--yes')
    for db, table in (('index-*', 'indexed'), ('index-*', 'block'), ('index-*', 'segment'), ('import', 'job'), ('mail-*', 'email'), ('mail-*', 'mailbox')):
        expect(table, one(db, f'SELECT COUNT(*) FROM {table} WHERE account_id = {number}' if table != 'email' else
                          f'SELECT COUNT(*) FROM email WHERE id >> 32 = {number}'), 0)
    expect('rules', one('directory', f'SELECT COUNT(*) FROM retention WHERE scope = 4 AND scope_id = {number}'), 0)


@case
def mistakes_are_told():
    expect('no scope', 'for whom' in failing('retention', 'set', 'Old', '5'), True)
    expect('no days', 'days' in failing('retention', 'set', 'Old', 'soon', '--all'), True)
    expect('no such use', 'special use' in failing('retention', 'set', '\\Nonsense', '5', '--all'), True)


with Instance(config=['[imap "imap"]', 'auth_plaintext = yes'], listeners=('mx', 'imap')) as p:
    p.data = os.path.join(p.dir, 'data')
    p.setup_command('domain add one.test')
    for who in (ANN, BOB):
        p.setup_command(f'account add {who}')
    p.start()
    sys.exit(run_cases(sys.argv[1:]))
