/*
 * What the SMTP server wants to know of every message's header in one pass: which fields are there
 * and how often, and the few values that go to the trace. Sits on the hot path.
 */
#include "codec/header.h"

#include <stddef.h>

enum { MESSAGE_ID_MAX = 998 };

static const struct known {
	slice name;
	size_t counter;
} known[] = {
#define COUNTED(name, member)                                                                      \
	{                                                                                          \
		S_INIT(name), offsetof(struct header_summary, member)                              \
	}
	COUNTED("Received", received),
	COUNTED("DKIM-Signature", dkim),
	COUNTED("From", from),
	COUNTED("To", to),
	COUNTED("Cc", cc),
	COUNTED("Bcc", bcc),
	COUNTED("Date", date),
	COUNTED("Subject", subject_n),
	COUNTED("Message-ID", message_id_n),
	COUNTED("Sender", sender),
	COUNTED("Reply-To", reply_to),
	COUNTED("MIME-Version", mime_version),
	COUNTED("Auto-Submitted", auto_submitted),
	COUNTED("List-Id", list),
	COUNTED("Delivered-To", delivered_to),
#undef COUNTED
};

/* The id with its brackets where there are any, else all there is. */
static slice message_id_of(slice value, struct arena *a)
{
	slice s = header_unfold(value, a);
	size_t open = slice_index(s, '<');
	slice tail = slice_skip(s, open);
	size_t close = slice_index(tail, '>');
	return slice_first(close < tail.n ? slice_first(tail, close + 1) : s, MESSAGE_ID_MAX);
}

static bool is_bulk_word(slice precedence)
{
	slice s = slice_trim(precedence);
	return slice_ieq(s, S("bulk")) || slice_ieq(s, S("junk")) || slice_ieq(s, S("list"));
}

static void note_values(const struct header_field *f, struct arena *a, struct header_summary *s)
{
	if (slice_ieq(f->name, S("Subject")) && s->subject_n == 1)
		s->subject = header_text(f->value, a);
	else if (slice_ieq(f->name, S("Message-ID")) && s->message_id_n == 1)
		s->message_id = message_id_of(f->value, a);
	else if (slice_ieq(f->name, S("From")) && s->from == 1)
		s->from_value = f->value;
	else if (slice_ieq(f->name, S("Sender")) && s->sender == 1)
		s->sender_value = f->value;
	else if (slice_ieq(f->name, S("Date")) && s->date == 1)
		s->date_value = f->value;
	else if (slice_ieq(f->name, S("Auto-Submitted")))
		s->auto_reply |= !slice_istarts(slice_trim(f->value), S("no"));
	else if (slice_ieq(f->name, S("Precedence")))
		s->bulk |= is_bulk_word(f->value);
	else if (slice_ieq(f->name, S("List-Id")))
		s->bulk = true;
}

static void note_field(const struct header_field *f, struct arena *a, struct header_summary *s)
{
	s->fields++;
	if (f->name.n == 0)
		s->malformed++;
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		if (!slice_ieq(f->name, known[i].name))
			continue;
		++*(unsigned *)((char *)s + known[i].counter);
		break;
	}
	s->resent += slice_istarts(f->name, S("Resent-"));
	note_values(f, a, s);
}

void header_summarize(slice start, struct arena *a, struct header_summary *ret)
{
	struct header_summary s = {0};
	struct header_field f;
	slice in = slice_first(start, HEADER_SUMMARY_MAX), before = in;
	for (; header_next(&in, &f); before = in)
		note_field(&f, a, &s);
	s.complete = in.n < before.n; /* the last step took the empty line */
	s.length = slice_first(start, HEADER_SUMMARY_MAX).n - in.n;
	*ret = s;
}
