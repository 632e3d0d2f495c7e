/*
 * What the answers of a list mean (RFC 5782 section 2.1 and the habits of lists): single codes,
 * ranges, and bits. Error codes are told apart before anything else. Used by dnsbl.c.
 */
#include "defence/dnsbl.h"

#include <arpa/inet.h>
#include <stdlib.h>

/* "127.0.0.2" at the front of *s. */
static bool take_ip(slice *s, uint32_t *ret)
{
	uint32_t v = 0;
	slice in = *s;
	for (int i = 0; i < 4; i++) {
		unsigned part = 0;
		size_t n = 0;
		for (; n < in.n && n < 3 && in.p[n] >= '0' && in.p[n] <= '9'; n++)
			part = part * 10 + (unsigned)(in.p[n] - '0');
		if (n == 0 || part > 255)
			return false;
		in = slice_skip(in, n);
		v = v << 8 | part;
		if (i < 3 && !(in.n && in.p[0] == '.'))
			return false;
		if (i < 3)
			in = slice_skip(in, 1);
	}
	*s = in;
	*ret = v;
	return true;
}

static bool code_parse(slice s, struct dnsbl_weight *ret)
{
	uint64_t n;
	struct dnsbl_weight w = {0};
	bool bits = s.n && s.p[0] == '&';
	if (bits)
		s = slice_skip(s, 1);
	if (!take_ip(&s, &w.low))
		return false;
	w.high = w.low;
	if (bits) {
		w.mask = w.low;
		w.low = 0x7f000000, w.high = 0x7fffffff;
		*ret = w;
		return s.n == 0 && w.mask != 0;
	}
	if (s.n && s.p[0] == '-') { /* "127.0.0.4-7", or a whole address behind it */
		s = slice_skip(s, 1);
		slice whole = s;
		if (take_ip(&whole, &w.high))
			s = whole;
		else if (slice_u64(s, &n) && n <= 255)
			w.high = (w.low & ~255U) | (uint32_t)n, s = S("");
		else
			return false;
	} else if (s.n && s.p[0] == '/') {
		if (!slice_u64(slice_skip(s, 1), &n) || n < 1 || n > 32)
			return false;
		uint32_t mask = UINT32_MAX << (32 - n);
		w.low &= mask;
		w.high = w.low | ~mask;
		s = S("");
	}
	*ret = w;
	return s.n == 0 && w.low <= w.high && w.low >> 24 == 127 && w.high >> 24 == 127;
}

static bool weight_parse(slice s, float *ret)
{
	char text[16], *end;
	if (s.n == 0 || s.n >= sizeof text || slice_index(s, '.') < slice_rindex(s, '.'))
		return false;
	memcpy(text, s.p, s.n);
	text[s.n] = 0;
	*ret = strtof(text, &end);
	return *end == 0 && *ret >= -100 && *ret <= 100;
}

bool dnsbl_weights_parse(const struct conf_list *words, struct dnsbl_weights *ret)
{
	ret->n = 0;
	for (size_t i = 0; i < words->n; i++) {
		struct dnsbl_weight w;
		if (ret->n == DNSBL_WEIGHTS_MAX || !code_parse(words->v[i], &w))
			return false;
		w.weight = 1;
		if (i + 1 < words->n && weight_parse(words->v[i + 1], &w.weight))
			i++;
		ret->v[ret->n++] = w;
	}
	return true;
}

static bool is_error(uint32_t answer)
{
	return answer >> 8 == 0x7fffff; /* 127.255.255.0/24 */
}

enum dnsbl_code dnsbl_code_judge(const struct dnsbl_weights *w, uint32_t answer, float *ret_weight)
{
	bool found = false;
	float best = 0;
	if (is_error(answer))
		return DNSBL_ERROR;
	if (answer >> 24 != 127) /* a wildcard of somebody who owns the domain now, a captive portal
				  */
		return DNSBL_ERROR;
	if (w->n == 0) {
		*ret_weight = 1;
		return DNSBL_LISTED;
	}
	for (size_t i = 0; i < w->n; i++) {
		const struct dnsbl_weight *v = &w->v[i];
		if (answer < v->low || answer > v->high || (v->mask && !(answer & v->mask)))
			continue;
		if (!found || v->weight > best)
			best = v->weight;
		found = true;
	}
	if (!found)
		return DNSBL_NOT;
	*ret_weight = best;
	return DNSBL_LISTED;
}
