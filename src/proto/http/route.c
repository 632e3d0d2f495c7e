/*
 * From a request to its handler: the table of routes, in order; which methods a path knows (RFC 9110 9, 15.5.6). OPTIONS is
 * answered here and changes nothing; HEAD goes where GET goes.
 */
#include "proto/http/session.h"

#include "base/mem.h"

static const struct {
	slice name;
	enum http_method method;
} methods[] = {{S_INIT("GET"), HTTP_GET}, {S_INIT("HEAD"), HTTP_HEAD}, {S_INIT("POST"), HTTP_POST},
	{S_INIT("PUT"), HTTP_PUT}, {S_INIT("DELETE"), HTTP_DELETE},
	{S_INIT("OPTIONS"), HTTP_OPTIONS}};
enum { METHODS = sizeof methods / sizeof *methods };

static unsigned method_of(slice name)
{
	for (size_t i = 0; i < METHODS; i++)
		if (slice_eq(methods[i].name, name))
			return methods[i].method;
	return 0;
}

static bool matches(const char *path, const struct http1_target *t)
{
	slice rest = slice_skip(slice_z(path), 1), part;
	size_t i = 0;
	for (; slice_cut(&rest, '/', &part); i++) {
		if (i == t->nsegments)
			return false;
		bool any = slice_eq(part, S("*")) && t->segments[i].n > 0;
		if (!any && !slice_eq(part, t->segments[i]))
			return false;
	}
	return i == t->nsegments;
}

/* The row that serves it, and the methods of all rows of that path. */
static const struct http_route *find(const struct http *h, unsigned method, unsigned *ret_all)
{
	const struct http_route *found = NULL;
	*ret_all = 0;
	for (const struct http_route *r = h->service->routes; r->path; r++) {
		if (!matches(r->path, &h->target))
			continue;
		*ret_all |= r->methods;
		if (!found && (r->methods & method))
			found = r;
	}
	return found;
}

static void say_allowed(struct http *h, unsigned all)
{
	AUTO(buf) struct buf text = BUF(200);
	if (all & HTTP_GET)
		all |= HTTP_HEAD;
	all |= HTTP_OPTIONS;
	for (size_t i = 0; i < METHODS; i++)
		if (all & methods[i].method)
			buf_printf(&text, "%s%.*s", text.n ? ", " : "", SFMT(methods[i].name));
	http_header(h, S("Allow"), buf_slice(&text));
}

/* No handler: why. */
static void turn_away(struct http *h, unsigned method, unsigned all)
{
	bool whole_server = slice_eq(h->target.path, S("*"));
	if (!method) {
		http_fail(h, 501);
	} else if (method == HTTP_OPTIONS && (all || whole_server)) {
		h->status = 204;
		say_allowed(h, all ? all : HTTP_GET | HTTP_POST);
	} else if (!all) {
		http_fail(h, whole_server ? 400 : 404);
	} else {
		http_fail(h, 405);
		say_allowed(h, all);
	}
}

void http_route(struct http *h)
{
	unsigned all, method = method_of(h->head->method);
	h->only_head = method == HTTP_HEAD;
	h->method = h->only_head ? HTTP_GET : (enum http_method)method;
	const struct http_route *r = find(h, h->method, &all);
	h->route = r ? r->path : NULL;
	if (h->service->admit && !h->service->admit(h))
		return;
	if (r)
		r->handler(h);
	else
		turn_away(h, method, all);
}

slice http_part(const struct http *h, size_t i)
{
	return i < h->target.nsegments ? h->target.segments[i] : (slice){0};
}

bool http_query(struct http *h, slice name, slice *ret)
{
	return http1_form_get(h->target.query, name, h->a, ret);
}
