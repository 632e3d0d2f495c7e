/*
 * Which folders and messages of an account elsewhere are wanted (collect.h). A message is decided about by when it came and by its From: and
 * Subject:, as people read them; so its header is read first. What is not wanted stays there, is noted, and never read again.
 */
#include "bin/collect.h"

#include "base/mem.h"
#include "codec/fold.h"
#include "codec/header.h"
#include "store/wildcard.h"

enum { HEAD_MAX = 256 * 1024 };

bool collect_folder_wanted(const struct collect_job *j, slice path)
{
	slice lines = j->folders, line;
	while (slice_cut(&lines, '\n', &line)) {
		line = slice_trim(line);
		if (!line.n)
			continue;
		bool below = slice_starts(path, line) && path.n > line.n && path.p[line.n] == '/';
		if (wildcard_match(line, path) || slice_ieq(path, line) || below)
			return true;
	}
	return false;
}

struct collect_choice {
	const struct collect_job *j;
	struct arena mem; /* of one message */
	struct import_message m;
	struct buf head;
	enum collect_chosen is;
};

struct collect_choice *collect_choice_new(const struct collect_job *j)
{
	if (!j->every || (!j->since && !j->from_has.n && !j->subject_has.n))
		return NULL;
	struct collect_choice *c = NEW(struct collect_choice);
	c->j = j;
	return c;
}

void collect_choice_free(struct collect_choice *c)
{
	if (!c)
		return;
	buf_done(&c->head);
	arena_done(&c->mem);
	free(c);
}

bool collect_choice_begin(struct collect_choice *c, const struct import_message *m)
{
	buf_done(&c->head);
	arena_reset(&c->mem);
	c->head = BUF(HEAD_MAX + (1 << 20));
	c->m = *m;
	c->m.key = arena_dup(&c->mem, m->key);
	c->m.keywords = arena_dup(&c->mem, m->keywords);
	c->is = COLLECT_UNDECIDED;
	return !(c->j->since && m->received_at && m->received_at < c->j->since);
}

/* Whatever their case and width. */
static bool contains(slice text, slice part)
{
	AUTO(buf) struct buf in = BUF(4 * HEAD_MAX);
	AUTO(buf) struct buf what = BUF(16 * COLLECT_TEXT_MAX);
	text_fold(text, &in);
	text_fold(part, &what);
	return slice_find(buf_slice(&in), buf_slice(&what)) < in.n;
}

static bool field_has(slice header, slice name, slice part, struct arena *a)
{
	struct header_field f;
	if (!part.n)
		return true;
	return header_find(header, name, 0, &f) && contains(header_text(f.value, a), part);
}

static enum collect_chosen decide(struct collect_choice *c)
{
	const struct collect_job *j = c->j;
	slice text = buf_slice(&c->head), header = slice_first(text, header_length(text));
	int64_t at = c->m.received_at ? c->m.received_at : import_date(header);
	bool wanted = !(j->since && at && at < j->since) &&
		      field_has(header, S("From"), j->from_has, &c->mem) &&
		      field_has(header, S("Subject"), j->subject_has, &c->mem);
	return wanted ? COLLECT_WANTED : COLLECT_UNWANTED;
}

enum collect_chosen collect_choice_add(struct collect_choice *c, slice piece, bool last)
{
	if (c->is != COLLECT_UNDECIDED)
		return c->is;
	buf_put(&c->head, piece);
	bool whole = header_length(buf_slice(&c->head)) < c->head.n || c->head.n >= HEAD_MAX;
	if (whole || last)
		c->is = decide(c);
	return c->is;
}

slice collect_choice_read(const struct collect_choice *c)
{
	return buf_slice(&c->head);
}

const struct import_message *collect_choice_of(const struct collect_choice *c)
{
	return &c->m;
}
