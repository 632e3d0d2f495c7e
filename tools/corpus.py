"""Collections of mail for training and measuring: unpacked into a private folder, cut by clusters, and the letters
that are written here from data/learn/letters.txt. Used by tools/train and bench/accuracy.py.

A folder of collections has archives dev-*.tar.zst (one raw message a file) and manifest.tsv.zst.
"""
import base64, csv, email.header, email.utils, glob, hashlib, io, os, random, re, subprocess

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
CORPORA = os.path.normpath(os.path.join(ROOT, '..', 'shared', 'corpora'))
LETTERS = os.path.join(ROOT, 'data', 'learn', 'letters.txt')
SHIPPABLE = ('foff', 'glitchy', 'mlist', 'trans')  # what a shipped model may be trained on


def unpack(corpora, into):
    """The manifest's rows (dicts) with 'path', in an order that is always the same."""
    for archive in sorted(glob.glob(os.path.join(corpora, 'dev-*.tar.zst'))):
        subprocess.run(['tar', '--zstd', '-xf', archive, '-C', into], check=True)
    text = subprocess.run(['zstd', '-dc', os.path.join(corpora, 'manifest.tsv.zst')], check=True, stdout=subprocess.PIPE).stdout
    rows = []
    for row in csv.DictReader(io.StringIO(text.decode('utf-8', 'replace')), delimiter='\t', quoting=csv.QUOTE_NONE):
        row['path'] = os.path.join(into, row['file'])
        # Of some languages there is spam only: learning that would teach that the language is spam.
        row['recall_only'] = row['file'].startswith('spam_otherlang')
        if os.path.exists(row['path']):
            rows.append(row)
    return sorted(rows, key=lambda r: r['file'])


def share(row, seed):
    """0 .. 1, the same for all near-duplicates."""
    key = f"{seed}:{row['cluster'] or row['sha256_raw']}"
    return int(hashlib.sha256(key.encode()).hexdigest()[:8], 16) / 2**32


def line(role, row):
    return f"{role}\t{row['label']}\t{row['set']}\t{row['path']}\n"


def blanked(rows, into):
    """Copies without the marks that collectors left: placeholders in place of names and addresses."""
    os.makedirs(into, exist_ok=True)
    out = []
    for row in rows:
        data = open(row['path'], 'rb').read()
        clean = re.sub(rb'\[removed\]|user@example\.com|my_email_address@gmail\.com', b'', data)
        if clean != data:
            path = os.path.join(into, row['sha256_raw'] + '.eml')
            with open(path, 'wb') as f:
                f.write(clean)
            row = dict(row, path=path)
        out.append(row)
    return out


# ---- letters written here ----

def grammar():
    """{name: [text, ...]} and the list of letters [(label, language, form, sender, subject, body)]."""
    lists, letters, current = {}, [], None
    for raw in open(LETTERS, encoding='utf-8'):
        text = raw.rstrip('\n')
        if text.startswith('#') or not text:
            continue
        if text.startswith('%'):
            current = lists.setdefault(text[1:].strip(), [])
        elif text.startswith('='):
            label, language, form = text[1:].split()
            current = {'label': label, 'language': language, 'form': form, 'body': []}
            letters.append(current)
        elif isinstance(current, list):
            current.append(text)
        else:
            key, _, value = text.partition(': ')
            if key in ('From', 'Subject', 'Link'):
                current[key] = value
            else:
                current['body'].append(text)
    return lists, letters


def fill(text, lists, rng):
    """{name} becomes a line of that list, {a|b|} one of those, # a digit; the innermost first."""
    def one(m):
        inside = m.group(1)
        return rng.choice(lists[inside] if inside in lists else inside.split('|'))
    while re.search(r'\{[^{}]*\}', text):
        text = re.sub(r'\{([^{}]*)\}', one, text)
    if '{' in text or '}' in text:
        raise ValueError(f'{LETTERS}: a brace is left over in: {text}')
    return re.sub('#', lambda m: str(rng.randrange(10)), text)


def html(body, link, rng):
    """One of several styles of page, chosen without regard to what the letter says: style must not give it away."""
    esc = lambda s: s.replace('&', '&amp;').replace('<', '&lt;')
    style = rng.randrange(4)
    rows = []
    for text in body:
        m = re.match(r'\[(.*)\]$', text)
        if m:
            button = rng.choice((' style="color:#ffffff;background:#1a73e8;padding:10px 24px"', ' class="button"', ''))
            text = f'<a href="{esc(link)}"{button}>{esc(m.group(1))}</a>'
        else:
            text = esc(text)
        rows.append((f'<tr><td style="font-family:Arial,sans-serif;font-size:14px">{text}</td></tr>', f'<p>{text}</p>',
                     f'<div style="margin:0 0 12px">{text}</div>', f'{text}<br>')[style])
    inside = '\n'.join(rows)
    if style == 0:
        inside = f'<table width="600" cellpadding="0" cellspacing="0">{inside}</table>'
    if style == 2:
        host = link.split('/')[2] if '://' in link else 'example.com'
        inside = f'<div style="max-width:640px"><img src="https://{esc(host)}/logo.png" width="120" height="40" alt="">{inside}</div>'
    head = rng.choice(('<!DOCTYPE html>', '')) + '<html><head><meta charset="utf-8">' + rng.choice(('', '<style>.button{color:#fff}</style>')) + '</head><body>'
    return head + inside + '</body></html>'


def letter(template, lists, rng):
    """A raw message."""
    body = []
    for text in template['body']:
        if text.startswith('?'):  # sometimes left out
            if rng.random() < 0.5:
                continue
            text = text[1:].strip()
        body.append(fill(text, lists, rng))
    name, _, address = fill(template['From'], lists, rng).rpartition(' ')
    subject = fill(template['Subject'], lists, rng)
    link = fill(template.get('Link', 'https://www.{site}/'), lists, rng)
    plain = '\n\n'.join(re.sub(r'^\[(.*)\]$', rf'\1: {link}', text) for text in body)
    out = [f'From: {email.utils.formataddr((str(email.header.Header(name, "utf-8")), address))}' if name else f'From: {address}',
           f'Subject: {email.header.Header(subject, "utf-8").encode() if not subject.isascii() else subject}',
           f'Message-ID: <{rng.randrange(10**12)}@{address.split("@")[1]}>', 'MIME-Version: 1.0']
    encode = lambda s: base64.encodebytes(s.encode()).decode()
    text_part = 'Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\n' + encode(plain)
    html_part = 'Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: base64\n\n' + encode(html(body, link, rng))
    form = rng.choice((template['form'],) * 3 + ('plain', 'html', 'both'))
    if form == 'plain':
        return '\n'.join(out) + '\n' + text_part
    if form == 'html':
        return '\n'.join(out) + '\n' + html_part
    mark = f'=_{rng.randrange(10**9)}'
    return '\n'.join(out) + f'\nContent-Type: multipart/alternative; boundary="{mark}"\n\n--{mark}\n{text_part}--{mark}\n{html_part}--{mark}--\n'


def letters(into, each, seed):
    """Writes `each` letters of every template; rows like those of the manifest."""
    os.makedirs(into, exist_ok=True)
    lists, templates = grammar()
    rows = []
    for i, template in enumerate(templates):
        rng = random.Random(f'{seed}:{i}')
        for k in range(each):
            path = os.path.join(into, f'{i:03}-{k:03}.eml')
            with open(path, 'w', encoding='utf-8') as f:
                f.write(letter(template, lists, rng))
            rows.append({'path': path, 'label': template['label'], 'set': 'letters', 'lang': template['language'],
                         'kind': template['label'], 'cluster': f'letters-{i}', 'sha256_raw': f'{i}-{k}', 'recall_only': False})
    return rows


# ---- the shipped model ----

LEARN = os.path.join(ROOT, 'build/release/tools/learn')
RULES = os.path.join(ROOT, 'data/rules')
EACH = 20  # letters of a template
SEED = 1


def material(rows, directory, without=()):
    """The rows that a shipped model learns."""
    usable = [r for r in rows if r['set'] in SHIPPABLE and r['set'] not in without and not r['recall_only']]
    written = [] if 'letters' in without else letters(os.path.join(directory, 'letters'), EACH, SEED)
    return blanked(usable, os.path.join(directory, 'blanked')) + written


def learn(verb, lines):
    """Runs build/release/tools/learn at low priority; what it prints."""
    return subprocess.run(['nice', LEARN, RULES, *verb], input=''.join(lines), text=True, check=True, stdout=subprocess.PIPE).stdout


def train(rows, out):
    learn(['base', out, str(SEED)], [line('train', r) for r in rows])
