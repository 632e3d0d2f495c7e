/*
 * HTTP/1.1 from strangers. Whatever is taken for a request: its head lies inside the input, ends with an empty line and
 * has no CR or LF but in pairs; byte by byte it is found to be the same; a body has one length. Chunks give the
 * same data whole and byte by byte.
 */
#include "base/mem.h"
#include "base/must.h"
#include "codec/http1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static enum http1_result find(slice in, bool slowly, size_t *ret_n)
{
	size_t from = 0;
	enum http1_result r = HTTP1_MORE;
	for (size_t have = slowly ? 0 : in.n; r == HTTP1_MORE && have <= in.n; have++)
		r = http1_head_end(slice_first(in, have), &from, ret_n);
	return r;
}

static void check_target(slice target)
{
	AUTO(arena) struct arena a = {0};
	struct http1_target t;
	slice v;
	if (!http1_target_read(target, &a, &t))
		return;
	for (size_t i = 0; i < t.nsegments; i++)
		must(slice_index(t.segments[i], '/') == t.segments[i].n &&
			slice_index(t.segments[i], 0) == t.segments[i].n);
	http1_form_get(t.query, S("a"), &a, &v);
}

static void check_head(slice head)
{
	struct http1_head *h = mem_alloc(sizeof *h);
	static const slice offered[] = {S_INIT("en"), S_INIT("zh")};
	if (http1_read_request(head, h) == HTTP1_FINE) {
		size_t said = http1_count(h, S("content-length")) +
			      http1_count(h, S("transfer-encoding"));
		must(said <= 1 && (said == 1 || h->body == HTTP1_NO_BODY));
		must(h->minor == 0 || http1_count(h, S("host")) == 1);
		for (size_t i = 0; i < h->nfields; i++)
			must(slice_find(h->fields[i].value, S("\r")) == h->fields[i].value.n);
		check_target(h->target);
		http1_language(http1_field(h, S("accept-language")), offered, 2, 0);
	}
	http1_read_response(head, false, h);
	free(h);
}

static enum http1_chunk unchunk(slice in, bool slowly, struct buf *out)
{
	struct http1_chunks c = {0};
	enum http1_chunk r = HTTP1_CHUNK_MORE;
	slice part = {in.p, 0}, piece;
	size_t left = in.n;
	while (r == HTTP1_CHUNK_MORE && left) {
		size_t give = slowly ? 1 : left;
		part.n += give;
		left -= give;
		while ((r = http1_chunk_next(&c, &part, &piece)) == HTTP1_CHUNK_DATA)
			buf_put(out, piece);
	}
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	slice in = slice_of(data, n);
	size_t at = 0, again = 0;
	if (n > 100000)
		return 0;
	enum http1_result r = find(in, false, &at);
	must(r == find(in, true, &again) && at == again);
	if (r == HTTP1_FINE) {
		must(at >= 4 && at <= n && slice_ends(slice_first(in, at), S("\r\n\r\n")));
		check_head(slice_first(in, at));
		in = slice_skip(in, at);
	}
	AUTO(buf) struct buf whole = BUF(1 << 20), slow = BUF(1 << 20);
	must(unchunk(in, false, &whole) == unchunk(in, true, &slow));
	must(slice_eq(buf_slice(&whole), buf_slice(&slow)));
	return 0;
}
