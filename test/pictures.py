#!/usr/bin/env python3
"""Pictures and QR codes in letters, with codes by qrencode and pictures by PIL: a link in a code is found wherever the
picture stands; codes in many sizes, colours and disguises are read, side by side with zbarimg; what pictures look like
is said rightly; time does not explode with bait.

    test/pictures.py [-v]    -v: every variant
"""
import base64, email.message, io, os, subprocess, sys, tempfile, zipfile
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
import qrcodes
from judge import Judge
from PIL import Image

LINK = 'https://login.bank-example.top/verify?id=8f3a'
WORK = tempfile.TemporaryDirectory(prefix='pictures-')
passed = failed = 0


def check(name, ok, why=''):
    global passed, failed
    passed, failed = passed + bool(ok), failed + (not ok)
    print(f'{"ok" if ok else "FAILED"} {name}{"" if ok else ": " + str(why)}')


def path_of(name, data):
    path = os.path.join(WORK.name, name)
    with open(path, 'wb') as f:
        f.write(data)
    return path


def encoded(im, form='PNG', **how):
    out = io.BytesIO()
    im.save(out, form, **how)
    return out.getvalue()


def letter(text='Dear customer, please scan the code to keep your account.', html=None, files=()):
    m = email.message.EmailMessage()
    m['From'], m['To'], m['Subject'] = 'Support <it@example.com>', 'me@example.org', 'Your account'
    m.set_content(text)
    if html:
        m.add_alternative(html, subtype='html')
    for name, data, kind in files:
        m.add_attachment(data, maintype=kind.split('/')[0], subtype=kind.split('/')[1], filename=name,
                         disposition='inline' if name.startswith('inline') else 'attachment')
    return m.as_bytes()


def zipped(files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, 'w', zipfile.ZIP_DEFLATED) as z:
        for name, data in files.items():
            z.writestr(name, data)
    return out.getvalue()


def docx(picture):
    types = '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">' \
        '<Default Extension="png" ContentType="image/png"/><Default Extension="xml" ContentType="application/xml"/>' \
        '<Override PartName="/word/document.xml" ContentType=' \
        '"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>'
    return zipped({'[Content_Types].xml': types, 'word/document.xml': '<w:document><w:body/></w:document>',
                   'word/media/image1.png': picture})


def pdf(picture):
    return subprocess.run(['img2pdf', path_of('page.img', picture), '-o', '-'], check=True, capture_output=True).stdout


def animated(code):
    blank = Image.new('P', code.size, 0)
    out = io.BytesIO()
    blank.save(out, 'GIF', save_all=True, append_images=[code.convert('P')], duration=100)
    return out.getvalue()


def codes(answer):
    return [l['url'] for l in answer['details']['links'] if l['where'] == 'qr']


def names(answer):
    return [s['name'] for s in answer['signals']]


def letters_with_codes():
    code = qrcodes.drawn(LINK, 5)
    png, jpeg = encoded(code), encoded(qrcodes.in_letter(code), 'JPEG', quality=70)
    half = subprocess.run(['qrencode', '-t', 'UTF8', LINK], check=True, capture_output=True, text=True).stdout
    full = subprocess.run(['qrencode', '-t', 'ASCII', LINK], check=True, capture_output=True, text=True).stdout
    m = qrcodes.modules(LINK)
    cells = ''.join('<tr>' + ''.join('<td style="width:5px;height:5px;background:%s"></td>' % (
        '#111' if m.getpixel((x, y)) < 128 else '#fff') for x in range(m.width)) + '</tr>' for y in range(m.height))
    yield 'attached png', letter(files=[('code.png', png, 'image/png')]), {'qr-link', 'qr-elsewhere', 'qr-little-text'}
    yield 'inline jpeg', letter(files=[('inline.jpg', jpeg, 'image/jpeg')]), {'qr-link'}
    for form in ('GIF', 'BMP', 'WEBP', 'TIFF', 'PPM'):
        yield f'attached {form.lower()}', letter(files=[('code.' + form.lower(), encoded(code, form), 'image/x')]), {'qr-link'}
    yield 'wrong name and type', letter(files=[('notes.txt', png, 'text/plain')]), {'qr-link'}
    yield 'second frame of an animation', letter(files=[('a.gif', animated(code), 'image/gif')]), {'qr-link'}
    yield 'in a data: URL', letter(html='<p>Scan:<img src="data:image/png;base64,' + base64.b64encode(png).decode() + '">'), {'qr-link'}
    yield 'in a pdf', letter(files=[('a.pdf', pdf(png), 'application/pdf')]), {'qr-link', 'qr-in-file'}
    yield 'in a pdf as jpeg', letter(files=[('a.pdf', pdf(jpeg), 'application/pdf')]), {'qr-link', 'qr-in-file'}
    yield 'in a pdf, black and white', letter(files=[('a.pdf', pdf(encoded(code.convert('1'))), 'application/pdf')]), {'qr-in-file'}
    yield 'in a zip', letter(files=[('a.zip', zipped({'x/code.png': png}), 'application/zip')]), {'qr-link', 'qr-in-file'}
    yield 'in a docx', letter(files=[('a.docx', docx(png), 'application/octet-stream')]), {'qr-link', 'qr-in-file'}
    yield 'in a pdf in a zip', letter(files=[('a.zip', zipped({'b.pdf': pdf(png)}), 'application/zip')]), {'qr-in-file'}
    yield 'half blocks in text', letter(text='Scan this:\n\n' + half), {'qr-link', 'qr-drawn'}
    yield 'pairs of # in text', letter(text='Scan this:\n\n' + full), {'qr-link', 'qr-drawn'}
    yield 'half blocks in html', letter(html='<p>Scan this:<pre>' + half + '</pre>'), {'qr-drawn'}
    yield 'cells of a table', letter(html=f'<p>Scan this:<table cellspacing=0>{cells}</table>'), {'qr-link', 'qr-drawn'}


def what_codes_say(content):
    def links(text):
        answer = content.ask(path=path_of('letter.eml', letter(files=[('c.png', encoded(qrcodes.drawn(text, 4)), 'image/png')])))
        return codes(answer), names(answer)
    for text, url, signal in (
            ('HTTPS://EVIL.EXAMPLE/A', 'https://evil.example/A', 'qr-link'),
            ('www.evil.example/a', 'http://www.evil.example/a', 'qr-link'),
            ('weixin://wxpay/bizpayurl?pr=abc', 'weixin://wxpay/bizpayurl?pr=abc', 'qr-payment'),
            ('upi://pay?pa=someone@bank&am=10', 'upi://pay/?pa=someone@bank&am=10', 'qr-payment'),
            ('https://u.wechat.com/EAbc', 'https://u.wechat.com/EAbc', 'qr-contact'),
            ('https://paypal.example@192.0.2.7/', 'https://192.0.2.7/', 'qr-deceptive')):
        got, signals = links(text)
        check(f'a code that says {text}', got == [url] and signal in signals, (got, signals))
    got, signals = links('just some words and 12345')
    check('a code without a link', got == [] and not any(s.startswith('qr-') for s in signals), (got, signals))


def variants(pictures):
    """Every variant, beside zbarimg at its best. What must hold: at least as many as zbarimg, and nearly all."""
    rates = {}
    for number, (family, name, im) in enumerate(qrcodes.variants(LINK)):
        path = path_of('variant.png', encoded(im))
        ours = LINK in pictures.ask(path=path)['codes']
        zbar = subprocess.run(['zbarimg', '-q', '--raw', '-Sdisable', '-Sqrcode.enable', path], capture_output=True, text=True)
        r = rates.setdefault(family, [0, 0, 0])
        r[0], r[1], r[2] = r[0] + 1, r[1] + ours, r[2] + (LINK in zbar.stdout)
        if '-v' in sys.argv[1:]:
            print(f'   {"read" if ours else "NOT READ"}: {family}: {name}')
    for family, (n, ours, zbar) in rates.items():
        check(f'codes: {family}: {ours} of {n} read (zbarimg {zbar})', ours >= zbar and ours * 10 >= n * (6 if family == 'damage' else 8))


def looks(pictures):
    page = qrcodes.in_letter(Image.new('RGB', (1, 1)), (800, 1000))
    photo = qrcodes.noisy(qrcodes.on_ground(Image.new('RGB', (500, 400), (90, 120, 60))), 0.15)
    a, b = (pictures.ask(path=path_of('a.png', encoded(im))) for im in (page, photo))
    check('a page looks like text', a['text'] > 0.7 and a['photo'] < 0.2, a)
    check('a photo looks like a photo', b['photo'] > 0.7 and b['text'] < 0.2, b)

    def distance(x, y):
        return bin(int(x['hash'], 16) ^ int(y['hash'], 16)).count('1')
    for name, im in (('page', page), ('photo', photo)):
        base = pictures.ask(path=path_of('base.png', encoded(im)))
        for how, data in (('smaller', encoded(im.resize((im.width // 2, im.height // 2)))),
                          ('jpeg', encoded(im, 'JPEG', quality=25)), ('noisy', encoded(qrcodes.noisy(im, 0.08)))):
            d = distance(base, pictures.ask(path=path_of('other.png', data)))
            check(f'the hash of a {name} stays when it is {how}', d <= 6, d)
    check('a page and a photo have different hashes', distance(a, b) > 16, distance(a, b))


def bombs(content, pictures):
    huge = encoded(Image.new('1', (20000, 20000)))
    check('a bomb of pixels is not decoded', pictures.ask(path=path_of('huge.png', huge))['result'] == 'limit')
    answer = content.ask(path=path_of('l.eml', letter(files=[(f'{i}.png', encoded(Image.new('L', (3000, 3000))), 'image/png')
                                                             for i in range(8)])))
    decoded = sum(p['decoded'] for p in answer['details']['pictures'])
    check('pixels of a letter are limited all together', decoded == 4 and answer['limited'], decoded)
    mark = Image.new('L', (18, 18), 255)
    mark.paste(0, (2, 2, 16, 16)), mark.paste(255, (4, 4, 14, 14)), mark.paste(0, (6, 6, 12, 12))
    bait = Image.new('L', (1206, 1206))
    for y in range(0, 1206, 18):
        for x in range(0, 1206, 18):
            bait.paste(mark, (x, y))
    took = pictures.ask(path=path_of('bait.png', encoded(bait)))['took'][2] / 1e6
    check(f'a picture full of corner marks takes {took:.2f} s', took < 3)


def main():
    content, pictures = Judge('letter'), Judge('picture')
    for name, data, signals in letters_with_codes():
        answer = content.ask(path=path_of('letter.eml', data))
        found, missing = codes(answer), signals - set(names(answer))
        check(f'letter: {name}', found == [LINK] and not missing, (found, missing))
    plain = content.ask(path=path_of('letter.eml', letter(files=[('a.png', encoded(Image.new('RGB', (90, 90))), 'image/png')])))
    check('letter: a picture without a code', not any(s.startswith('qr-') for s in names(plain)), names(plain))
    what_codes_say(content)
    looks(pictures)
    bombs(content, pictures)
    variants(pictures)
    print(f'{passed} passed, {failed} failed')
    return failed != 0


if __name__ == '__main__':
    sys.exit(main())
