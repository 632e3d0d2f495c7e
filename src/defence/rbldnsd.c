/*
 * Reading the formats of rbldnsd (rbldnsd.h), line by line. Called by mirror_load.c in a thread of
 * the pool, and by the fuzzer. What a list says beside addresses and codes (SOA, NS, TTL, texts) is
 * of no use here and is passed over. An address with several entries has one answer: of the most
 * specific one.
 */
#include "defence/rbldnsd.h"

#include <arpa/inet.h>
#include <stdio.h>

static const uint32_t usual = 0x7f000002; /* 127.0.0.2 */

void rbldnsd_init(
	struct rbldnsd *r, enum rbldnsd_format format, slice subzone, struct mirror_builder *to)
{
	*r = (struct rbldnsd){
		.to = to,
		.format = format,
		.subzone = subzone.n ? subzone : S("@"),
		.combined = format == RBLDNSD_COMBINED,
		.skip = format == RBLDNSD_COMBINED,
		.code = usual,
	};
}

static void bad(struct rbldnsd *r, slice line, const char *what)
{
	if (r->report.bad++ == 0)
		snprintf(r->report.first_bad, sizeof r->report.first_bad, "line %llu: %s: %.*s",
			(unsigned long long)r->report.lines, what, SFMT(slice_first(line, 80)));
}

/* ---- addresses ---- */

/* One to four numbers with dots: a shorter one stands for its network. */
static bool take_ip4(slice *s, uint32_t *ret, unsigned *ret_bits)
{
	uint32_t v = 0;
	unsigned parts = 0;
	slice in = *s;
	while (parts < 4) {
		unsigned part = 0;
		size_t n = 0;
		for (; n < in.n && n < 3 && in.p[n] >= '0' && in.p[n] <= '9'; n++)
			part = part * 10 + (unsigned)(in.p[n] - '0');
		if (n == 0 || part > 255)
			return false;
		v = v << 8 | part;
		parts++;
		in = slice_skip(in, n);
		bool more =
			parts < 4 && in.n > 1 && in.p[0] == '.' && in.p[1] >= '0' && in.p[1] <= '9';
		if (!more)
			break;
		in = slice_skip(in, 1);
	}
	*s = in;
	*ret_bits = parts * 8;
	*ret = parts == 4 ? v : v << (32 - parts * 8);
	return true;
}

static uint32_t end_of(uint32_t low, unsigned bits)
{
	return bits == 32 ? low : low | (UINT32_MAX >> bits);
}

static bool fits(slice s, uint64_t min, uint64_t max, uint64_t *ret)
{
	return slice_u64(s, ret) && *ret >= min && *ret <= max;
}

/* "192.0.2.1", "192.0.2", "192.0.2.0/24", "192.0.2.1-192.0.2.9", "192.0.2.1-9" */
static bool range_parse(slice s, uint32_t *ret_low, uint32_t *ret_high)
{
	uint32_t low, high;
	unsigned bits, high_bits;
	uint64_t n;
	if (!take_ip4(&s, &low, &bits))
		return false;
	high = end_of(low, bits);
	if (s.n && s.p[0] == '/') {
		if (!fits(slice_skip(s, 1), 1, 32, &n))
			return false;
		high = end_of(low, (unsigned)n);
		if (low & ~(n == 32 ? UINT32_MAX : UINT32_MAX << (32 - n)))
			return false; /* bits behind the prefix: nobody knows what was meant */
	} else if (s.n && s.p[0] == '-') {
		s = slice_skip(s, 1);
		if (bits == 32 && fits(s, 0, 255, &n)) {
			high = (low & ~255U) | (uint32_t)n;
		} else {
			if (!take_ip4(&s, &high, &high_bits) || s.n)
				return false;
			high = end_of(high, high_bits);
		}
	} else if (s.n) {
		return false;
	}
	*ret_low = low;
	*ret_high = high;
	return low <= high;
}

static bool too_wide(const struct rbldnsd *r, uint32_t low, uint32_t high)
{
	return r->widest && (uint64_t)high - low + 1 > 1ULL << (32 - r->widest);
}

static bool add_ip4(struct rbldnsd *r, slice entry, uint32_t code, slice line)
{
	uint32_t low, high;
	if (!range_parse(entry, &low, &high))
		bad(r, line, "no address or range");
	else if (too_wide(r, low, high))
		bad(r, line, "wider than $MAXRANGE4");
	else
		return mirror_add_range4(r->to, low, high, code);
	return true;
}

static bool add_ip6(struct rbldnsd *r, slice entry, uint32_t code, slice line)
{
	struct net_cidr c;
	struct err e;
	if (entry.n >= NET_TEXT_MAX || net_cidr_parse(entry, &c, &e) < 0 || c.family != AF_INET6) {
		bad(r, line, "no IPv6 address or prefix");
		return true;
	}
	bool bare = slice_index(entry, '/') == entry.n;
	return mirror_add_ip6(
		r->to, c.ip, bare && r->format == RBLDNSD_IP6TSET ? 64 : c.bits, code);
}

static bool add_name(struct rbldnsd *r, slice entry, uint32_t code, slice line)
{
	unsigned how = MIRROR_NAME_ITSELF;
	if (slice_starts(entry, S("*."))) {
		how = MIRROR_NAME_BELOW;
		entry = slice_skip(entry, 2);
	} else if (slice_starts(entry, S("."))) {
		how = MIRROR_NAME_ITSELF | MIRROR_NAME_BELOW;
		entry = slice_skip(entry, 1);
	}
	if (entry.n && entry.p[entry.n - 1] == '.')
		entry.n--;
	if (entry.n == 0 || entry.n > 253) {
		bad(r, line, "no name");
		return true;
	}
	return mirror_add_name(r->to, entry, how, code);
}

/* ---- values ---- */

/* ":127.0.0.4:text", ":4:text", ":4", "text": the answer, or the default one. */
static bool value_parse(slice s, uint32_t otherwise, uint32_t *ret)
{
	uint64_t n;
	slice part;
	uint32_t code;
	unsigned bits;
	*ret = otherwise;
	if (!s.n || s.p[0] != ':')
		return true;
	s = slice_skip(s, 1);
	if (!slice_cut(&s, ':', &part) || part.n == 0)
		return true;
	if (fits(part, 0, 255, &n)) {
		*ret = 0x7f000000 | (uint32_t)n;
		return true;
	}
	if (!take_ip4(&part, &code, &bits) || part.n || bits != 32 || code >> 24 != 127)
		return false;
	*ret = code;
	return true;
}

/* ---- lines that steer ---- */

static const struct {
	const char *name;
	enum rbldnsd_format format;
} kinds[] = {
	{"ip4set", RBLDNSD_IP4SET},
	{"ip4tset", RBLDNSD_IP4TSET},
	{"ip4trie", RBLDNSD_IP4TRIE},
	{"ip6tset", RBLDNSD_IP6TSET},
	{"ip6trie", RBLDNSD_IP6TRIE},
	{"dnset", RBLDNSD_DNSET},
};

static bool next_word(slice *s, slice *ret)
{
	size_t i = 0;
	while (i < s->n && (s->p[i] == ' ' || s->p[i] == '\t'))
		i++;
	*s = slice_skip(*s, i);
	for (i = 0; i < s->n && s->p[i] != ' ' && s->p[i] != '\t';)
		i++;
	*ret = slice_first(*s, i);
	*s = slice_skip(*s, i);
	return ret->n > 0;
}

/* "$DATASET ip4set:name subzone ...": the data set is for these names below the zone. */
static void dataset(struct rbldnsd *r, slice rest, slice line)
{
	slice kind, name;
	r->skip = true;
	r->code = usual;
	if (!next_word(&rest, &kind)) {
		bad(r, line, "$DATASET without a type");
		return;
	}
	kind = slice_first(kind, slice_index(kind, ':'));
	bool known = false;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (slice_eq(kind, slice_z(kinds[i].name))) {
			r->format = kinds[i].format;
			known = true;
		}
	while (known && next_word(&rest, &name))
		if (slice_ieq(name, r->subzone))
			r->skip = false;
}

static void steer(struct rbldnsd *r, slice line)
{
	slice rest = line, word;
	uint64_t n;
	next_word(&rest, &word);
	if (slice_ieq(word, S("$DATASET")) && r->combined) {
		dataset(r, rest, line);
	} else if (slice_ieq(word, S("$MAXRANGE4"))) {
		next_word(&rest, &word);
		if (slice_starts(word, S("/")) && fits(slice_skip(word, 1), 1, 32, &n))
			r->widest = (unsigned)n;
		else
			bad(r, line, "$MAXRANGE4 takes /1 to /32");
	}
}

static bool entry(struct rbldnsd *r, slice line)
{
	uint32_t code;
	slice rest = line, word;
	bool not = line.p[0] == '!';
	if (not )
		rest = slice_skip(line, 1);
	if (!next_word(&rest, &word) || !value_parse(slice_trim(rest), r->code, &code)) {
		bad(r, line, "no entry");
		return true;
	}
	if (not )
		code = 0;
	if (r->format == RBLDNSD_DNSET)
		return add_name(r, word, code, line);
	if (r->format == RBLDNSD_IP6TRIE || r->format == RBLDNSD_IP6TSET)
		return add_ip6(r, word, code, line);
	return add_ip4(r, word, code, line);
}

bool rbldnsd_line(struct rbldnsd *r, slice line)
{
	uint32_t code;
	r->report.lines++;
	line = slice_trim(line);
	if (line.n == 0 || line.p[0] == '#' || line.p[0] == ';')
		return true;
	if (line.p[0] == '$') {
		steer(r, line);
		return true;
	}
	if (r->skip)
		return true;
	if (line.n > RBLDNSD_LINE_MAX) {
		bad(r, line, "too long");
		return true;
	}
	if (line.p[0] == ':') {
		if (value_parse(line, usual, &code))
			r->code = code;
		else
			bad(r, line, "no answer in 127.0.0.0/8");
		return true;
	}
	return entry(r, line);
}

bool rbldnsd_text(struct rbldnsd *r, slice text)
{
	slice line;
	while (slice_cut(&text, '\n', &line))
		if (!rbldnsd_line(r, line))
			return false;
	return true;
}
