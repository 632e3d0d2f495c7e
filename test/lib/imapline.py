"""A small IMAP client that says what it knows: an answer that came, or Broken, when it cannot know what happened.

    c = Line(port, 'ann@local.test', password)       # logged in; Broken or Refused
    c.command('UID STORE 1 +FLAGS (x)')              # [(text, [literals])] of the untagged answers, and .said: the tagged one
    c.command('APPEND INBOX', [b'From: ...'])        # literals come where the words end; see command()
"""
import re, socket


class Broken(Exception):
    """The connection ended (or nobody listens) before the answer: it may have been done or not."""


class Refused(Exception):
    """NO or BAD: it was not done."""


class Line:
    def __init__(self, port, login, password, timeout=30):
        self.tag = 0
        self.selected = None
        try:
            self.socket = socket.create_connection(('127.0.0.1', port), timeout)
        except OSError as e:
            raise Broken(str(e)) from None
        self.file = self.socket.makefile('rb')
        try:
            self.answer()
            self.command(f'LOGIN {login} "{password}"')
            self.command('ENABLE QRESYNC')
        except (Broken, Refused):
            self.close()
            raise

    def close(self):
        self.file.close()
        self.socket.close()

    def send(self, data):
        try:
            self.socket.sendall(data)
        except OSError as e:
            raise Broken(str(e)) from None

    def answer(self):
        """One answer: its text, and the literals that stood where it says {}."""
        text, literals = '', []
        try:
            while True:
                line = self.file.readline()
                if not line.endswith(b'\r\n'):
                    raise Broken('end')
                size = re.search(rb'\{(\d+)\}\r\n$', line)
                text += line[:size.start() if size else -2].decode('utf-8', 'replace') + ('{}' if size else '')
                if not size:
                    return text, literals
                literals.append(self.file.read(int(size.group(1))))
                if len(literals[-1]) != int(size.group(1)):
                    raise Broken('end')
        except (OSError, ValueError) as e:
            raise Broken(str(e)) from None

    def command(self, words, literals=()):
        """words: with {} where a literal stands. The untagged answers."""
        self.tag += 1
        tag = f'a{self.tag}'
        pieces = words.split('{}')
        line = f'{tag} {pieces[0]}'.encode()
        untagged = []
        for literal, after in zip(literals, pieces[1:]):
            if len(literal) <= 4096 and self.tag % 2:
                line += b'{%d+}\r\n' % len(literal)
            else:
                self.send(line + b'{%d}\r\n' % len(literal))
                line = b''
                while True:
                    text, _ = got = self.answer()
                    if text.startswith('+'):
                        break
                    if text.startswith(tag + ' '):
                        raise Refused(text)
                    untagged.append(got)
            line += literal + after.encode()
        self.send(line + b'\r\n')
        while True:
            text, _ = got = self.answer()
            if text.startswith(tag + ' '):
                self.said = text[len(tag) + 1:]
                if not self.said.startswith('OK'):
                    raise Refused(f'{words[:60]}: {self.said}')
                return untagged
            untagged.append(got)

    def select(self, folder, more=''):
        """What it says of the folder: {'UIDVALIDITY': ...}, and the untagged answers."""
        self.selected = None
        untagged = self.command(f'SELECT "{folder}"{more}')
        self.selected = folder
        return {m.group(1): int(m.group(2)) for text, _ in untagged
                for m in re.finditer(r'\[(UIDVALIDITY|UIDNEXT|HIGHESTMODSEQ) (\d+)\]', text)}, untagged

    def open(self, folder):
        if self.selected != folder:
            self.select(folder)


def uids(text):
    """'3:5,9' as a list."""
    found = []
    for piece in text.split(','):
        first, _, last = piece.partition(':')
        found += range(int(first), int(last or first) + 1)
    return found


def fetched(untagged):
    """uid -> (flags, modseq, literal or None)"""
    found = {}
    for text, literals in untagged:
        if re.match(r'\* \d+ FETCH ', text):
            uid, flags, modseq = (re.search(w, text) for w in (r'\bUID (\d+)', r'\bFLAGS \(([^)]*)\)', r'\bMODSEQ \((\d+)\)'))
            if uid and flags and modseq:
                found[int(uid.group(1))] = (frozenset(flags.group(1).split()) - {'\\Recent'}, int(modseq.group(1)), literals[0] if literals else None)
    return found


def vanished(untagged):
    return {uid for text, _ in untagged if text.startswith('* VANISHED') for uid in uids(text.split()[-1])}
