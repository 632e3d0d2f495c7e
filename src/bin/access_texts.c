/*
 * Searches of mail programs use the full-text index (boxes_index, mail/box.h); what is inside attachments of messages that the index cannot tell
 * about is read by the process `texts`.
 */
#include "bin/access.h"

#include "bin/scan_text.h"
#include "mail/search_conf.h"

static int read_texts(void *arg, const struct mailbox_message *m, bool all, struct arena *mem,
	slice *ret, struct err *e)
{
	struct access *a = arg;
	struct content_texts t;
	const struct scan_text q = {.blob = m->blob,
		.size = m->size - m->prefix.n,
		.prefix = m->prefix,
		.want = all ? CONTENT_TEXTS_ALL : CONTENT_TEXTS_FILES};
	if (scan_text_ask(a->texts_link, a->config->scan, a->blobs, &q, mem, &t, e) < 0)
		return -1;
	for (int i = 0; i < INDEX_FIELDS; i++)
		ret[i] = t.text[i];
	return 0;
}

void access_texts_open(struct access *a)
{
	const struct search_conf *c = conf_get(a->config->conf, &search_section);
	const struct box_index index = {.files = c->attachments, .texts = read_texts, .arg = a};
	if (c->enabled)
		boxes_index(a->boxes, &index);
}
