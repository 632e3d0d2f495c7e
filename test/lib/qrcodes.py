"""QR codes as phishers draw them: pictures in many sizes, colours and disguises, made by qrencode and PIL.

variants(link) yields (family, name, picture). The marks come from qrencode alone, what is done to them from PIL.
"""

import io
import random
import subprocess

from PIL import Image, ImageDraw, ImageFilter


def modules(text, level="M"):
	"""The code as a picture of one pixel a module, without margin."""
	png = subprocess.run(["qrencode", "-t", "PNG", "-s", "1", "-m", "0", "-l", level, "-o", "-", text], check=True, capture_output=True).stdout
	return Image.open(io.BytesIO(png)).convert("RGBA").convert("L")


def drawn(text, scale=6, level="M", margin=4, dark=(0, 0, 0), light=(255, 255, 255)):
	m = modules(text, level)
	im = Image.new("RGB", (m.width + 2 * margin, m.height + 2 * margin), light)
	for y in range(m.height):
		for x in range(m.width):
			if m.getpixel((x, y)) < 128:
				im.putpixel((x + margin, y + margin), dark)
	return im.resize((im.width * scale, im.height * scale), Image.NEAREST)


def jpeg(im, quality):
	out = io.BytesIO()
	im.save(out, "JPEG", quality=quality)
	return Image.open(io.BytesIO(out.getvalue())).convert("RGB")


def noisy(im, amount, seed=1):
	rnd = random.Random(seed)
	noise = Image.frombytes("L", im.size, bytes(rnd.randrange(256) for _ in range(im.width * im.height))).convert("RGB")
	return Image.blend(im, noise, amount)


def in_letter(code, size=(900, 1200), at=(300, 500), seed=1):
	"""On a page with lines that look like text."""
	rnd = random.Random(seed)
	page = Image.new("RGB", size, (255, 255, 255))
	draw = ImageDraw.Draw(page)
	for y in range(60, size[1] - 60, 26):
		draw.text((60, y), "".join(rnd.choice("abcdefghijklmnopqrstuvwxyz      ") for _ in range(110)), fill=(30, 30, 30))
	page.paste(code, at)
	return page


def on_ground(code, seed=1):
	"""On something soft and coloured, as a photo is."""
	rnd = random.Random(seed)
	small = Image.new("RGB", (8, 8))
	small.putdata([tuple(rnd.randrange(40, 220) for _ in range(3)) for _ in range(64)])
	ground = small.resize((code.width * 2, code.height * 2), Image.BICUBIC)
	ground.paste(code, (code.width // 2, code.height // 3))
	return ground


def with_logo(code, share):
	im = code.copy()
	side = int(min(im.size) * share**0.5)
	x, y = (im.width - side) // 2, (im.height - side) // 2
	draw = ImageDraw.Draw(im)
	draw.rectangle((x, y, x + side, y + side), fill=(255, 255, 255))
	draw.ellipse((x + 3, y + 3, x + side - 3, y + side - 3), fill=(200, 30, 60))
	return im


def shaded(im):
	"""Light falls off to one side."""
	ramp = Image.linear_gradient("L").resize(im.size).rotate(90).point(lambda v: 90 + v * 165 // 255)
	return Image.composite(im, Image.new("RGB", im.size, (0, 0, 0)), ramp)


def tilted(im, by):
	w, h = im.size
	wide = Image.new("RGB", (w + 80, h + 80), (255, 255, 255))
	wide.paste(im, (40, 40))
	w, h = wide.size
	return wide.transform((w, h), Image.QUAD, (0, 0, w * by, h, w * (1 - by), h, w, 0), Image.BICUBIC, fillcolor=(255, 255, 255))


def dotted(text, scale=10):
	"""Round modules."""
	m = modules(text, "M")
	im = Image.new("RGB", ((m.width + 8) * scale, (m.height + 8) * scale), (255, 255, 255))
	draw = ImageDraw.Draw(im)
	for y in range(m.height):
		for x in range(m.width):
			if m.getpixel((x, y)) < 128:
				corner = (x < 7 or x >= m.width - 7) and y < 7 or x < 7 and y >= m.height - 7
				box = ((x + 4) * scale, (y + 4) * scale, (x + 5) * scale - 1, (y + 5) * scale - 1)
				draw.rectangle(box, fill=(0, 0, 0)) if corner else draw.ellipse(box, fill=(0, 0, 0))
	return im


COLOURS = {
	"red": ((200, 0, 0), (255, 255, 255)),
	"blue": ((0, 60, 200), (255, 255, 255)),
	"green": ((0, 130, 60), (255, 255, 255)),
	"yellow": ((250, 220, 0), (255, 255, 255)),
	"cyan": ((0, 220, 240), (255, 255, 255)),
	"grey": ((150, 150, 150), (255, 255, 255)),
	"faint": ((205, 205, 205), (245, 245, 245)),
	"blue on red": ((20, 20, 160), (230, 60, 60)),
	"black on blue": ((0, 0, 0), (60, 120, 255)),
	"red on green": ((190, 0, 0), (120, 220, 140)),
	"white on blue": ((255, 255, 255), (20, 60, 160)),
	"white on black": ((255, 255, 255), (0, 0, 0)),
	"yellow on red": ((255, 240, 80), (180, 0, 30)),
}


def variants(text):
	for s in (1, 2, 3, 4, 6, 10, 20, 32):
		yield "size", f"{s} pixels a module", drawn(text, s)
	big = drawn(text, 12)
	for f in (0.12, 0.17, 0.21, 0.29, 0.37, 0.55, 0.71):
		yield "size", f"scaled {f}", big.resize((int(big.width * f), int(big.height * f)), Image.BILINEAR)
	for angle in (3, 10, 20, 33, 45, 60, 75, 90, 135, 180, 200, 270, 300):
		yield "turned", f"{angle} degrees", drawn(text, 5).rotate(angle, Image.BICUBIC, expand=True, fillcolor=(255, 255, 255))
	yield "turned", "mirrored", drawn(text, 5).transpose(Image.FLIP_LEFT_RIGHT)
	for name, (dark, light) in COLOURS.items():
		yield "colour", name, drawn(text, 5, dark=dark, light=light)
	for q in (5, 10, 20, 40, 70, 95):
		yield "jpeg", f"quality {q}", jpeg(drawn(text, 4), q)
		yield "jpeg", f"red, quality {q}", jpeg(drawn(text, 4, dark=(200, 0, 0)), q)
	for share in (0.04, 0.08, 0.12, 0.16, 0.2):
		yield "logo", f"{int(share * 100)} % covered", with_logo(drawn(text, 8, "H"), share)
	for margin in (0, 1, 2):
		yield "margin", f"{margin} modules", drawn(text, 5, margin=margin)
		yield "margin", f"{margin} modules on text", in_letter(drawn(text, 4, margin=margin))
		yield "margin", f"{margin} modules on colours", on_ground(drawn(text, 5, margin=margin))
	for s in (2, 3, 4, 6):
		yield "page", f"{s} pixels a module", in_letter(drawn(text, s), seed=s)
		yield "page", f"{s} pixels a module, jpeg 40", jpeg(in_letter(drawn(text, s), seed=s), 40)
	yield "page", "large scan", in_letter(drawn(text, 8), (2480, 3508), (1700, 2700))
	yield "page", "two on a page", two(text)
	for amount in (0.1, 0.25, 0.4):
		yield "damage", f"noise {amount}", noisy(drawn(text, 6), amount)
	for radius in (1, 2, 3):
		yield "damage", f"blurred {radius}", drawn(text, 6).filter(ImageFilter.GaussianBlur(radius))
	yield "damage", "shaded", shaded(drawn(text, 6))
	for by in (0.05, 0.1, 0.15):
		yield "damage", f"tilted {by}", tilted(drawn(text, 7), by)
	yield "damage", "round modules", dotted(text)


def two(text):
	page = in_letter(drawn(text, 4))
	page.paste(drawn("https://example.net/other", 4), (40, 40))
	return page
