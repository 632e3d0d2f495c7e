/*
 * Keywords of imported messages (import.h): what another system calls so and cannot be one here is left out, and so are those beyond the number
 * that a folder has room for; the message comes all the same.
 */
#include "base/hash.h"
#include "base/mem.h"
#include "mail/import_impl.h"

static bool next_word(slice *words, slice *ret)
{
	while (words->n && words->p[0] == ' ')
		*words = slice_skip(*words, 1);
	return words->n && slice_cut(words, ' ', ret);
}

/* An atom that is none of the system's flags (RFC 9051 9). */
static bool fits(slice w)
{
	if (w.n == 0 || w.n > MAILBOX_KEYWORD_MAX)
		return false;
	for (size_t i = 0; i < w.n; i++) {
		unsigned char c = (unsigned char)w.p[i];
		if (c <= ' ' || c >= 0x7f || strchr("(){%*\"\\]", c))
			return false;
	}
	return true;
}

static slice lower(slice w, char out[MAILBOX_KEYWORD_MAX])
{
	for (size_t i = 0; i < w.n; i++)
		out[i] = ascii_lower(w.p[i]);
	return slice_of(out, w.n);
}

static bool is_in(slice words, slice word)
{
	slice w;
	while (next_word(&words, &w))
		if (slice_ieq(w, word))
			return true;
	return false;
}

/* Is there room for it in the folder? */
static bool note(struct importing *i, slice word)
{
	char room[MAILBOX_KEYWORD_MAX];
	slice name = lower(word, room);
	if (map_get(&i->words, name))
		return true;
	if (i->words.n >= IMPORT_WORDS_MAX)
		return false;
	map_put(&i->words, name, i);
	return true;
}

slice import_words(struct importing *i, slice words, struct arena *a, bool *ret_lost)
{
	AUTO(buf) struct buf out = BUF((MAILBOX_KEYWORD_MAX + 1) * MAILBOX_KEYWORDS_MAX);
	unsigned n = 0;
	slice w;
	*ret_lost = false;
	while (next_word(&words, &w)) {
		if (n && is_in(buf_slice(&out), w))
			continue;
		/* Half of what a message may have: people want to add theirs. */
		if (!fits(w) || n >= MAILBOX_KEYWORDS_MAX / 2 || !note(i, w)) {
			*ret_lost = true;
			continue;
		}
		buf_printf(&out, "%s%.*s", n++ ? " " : "", SFMT(w));
	}
	return arena_dup(a, buf_slice(&out));
}

uint64_t import_words_hash(slice words)
{
	char room[MAILBOX_KEYWORD_MAX];
	uint64_t sum = 0;
	slice w;
	while (next_word(&words, &w))
		if (w.n <= sizeof room)
			sum += hash_keyed(lower(w, room)) | 1;
	return sum;
}

slice import_words_less(slice a, slice b, struct arena *mem)
{
	AUTO(buf) struct buf out = BUF((MAILBOX_KEYWORD_MAX + 1) * MAILBOX_KEYWORDS_MAX);
	slice w;
	while (next_word(&a, &w))
		if (!is_in(b, w))
			buf_printf(&out, "%s%.*s", out.n ? " " : "", SFMT(w));
	return arena_dup(mem, buf_slice(&out));
}
