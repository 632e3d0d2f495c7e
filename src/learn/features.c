/*
 * The set of a message's features: hashing, telling apart what is already in it, and the texts for
 * explaining. What is observed is in features_*.c, a file for each kind. Called by the scanner and
 * by the trainer.
 */
#include "learn/features.h"

#include "learn/features_parts.h"
#include <math.h>
#include <stdio.h>

enum { SLOTS = 1 << 16, INDEX_BITS = 15, TEXTS_MAX = 4 << 20 };
_Static_assert(LEARN_FEATURES_MAX < 1 << INDEX_BITS, "an index fits into a slot");

static const char *const names[LEARN_GROUPS][2] = {
	[LEARN_WORDS] = {"words", "词语"},
	[LEARN_PAIRS] = {"pairs of words", "词语搭配"},
	[LEARN_SUBJECT] = {"subject", "主题"},
	[LEARN_CJK] = {"Chinese characters", "汉字"},
	[LEARN_GRAMS] = {"strings of characters", "字符串"},
	[LEARN_HIDDEN] = {"hidden text", "隐藏文本"},
	[LEARN_SENDER] = {"sender", "发件人"},
	[LEARN_HEADER] = {"header", "邮件头"},
	[LEARN_URL] = {"links", "链接"},
	[LEARN_HTML] = {"HTML", "网页结构"},
	[LEARN_PARTS] = {"attachments", "附件"},
	[LEARN_SHAPE] = {"writing", "书写特征"},
	[LEARN_SIGNALS] = {"findings of checks", "检查结果"},
	[LEARN_LAYOUT] = {"layout", "版式"},
};

const char *learn_group_name(enum learn_group g, bool chinese)
{
	return g < LEARN_GROUPS ? names[g][chinese] : "";
}

static uint64_t mixed(uint64_t h)
{
	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93;
	h ^= h >> 29;
	return h;
}

/* Eight bytes at a time; little-endian machines only, as everything that this runs on. */
uint64_t learn_hash(uint64_t seed, slice s)
{
	uint64_t h = seed * 0x9e3779b97f4a7c15 + s.n, w;
	for (; s.n >= 8; s = slice_skip(s, 8)) {
		memcpy(&w, s.p, 8);
		h = mixed(h ^ w) * 0x9e3779b97f4a7c15;
	}
	w = 0;
	if (s.n)
		memcpy(&w, s.p, s.n);
	return mixed(mixed(h ^ w) + 0x632be59bd9b4e019);
}

void learn_features_init(struct learn_features *f, bool keep_texts)
{
	*f = (struct learn_features){.keep_texts = keep_texts, .texts = BUF(TEXTS_MAX)};
	f->v = mem_alloc(sizeof *f->v * LEARN_FEATURES_MAX);
	f->slots = mem_alloc(sizeof *f->slots * SLOTS);
}

void learn_features_done(struct learn_features *f)
{
	free(f->v);
	free(f->slots);
	buf_done(&f->texts);
	*f = (struct learn_features){0};
}

static void start(struct learn_features *f)
{
	if (++f->mark >> (32 - INDEX_BITS)) {
		memset(f->slots, 0, sizeof *f->slots * SLOTS);
		f->mark = 1;
	}
	f->n = 0;
	f->cut = false;
	memset(f->per_group, 0, sizeof f->per_group);
	buf_reset(&f->texts);
}

/* False when it is in already. */
static bool claim(struct learn_features *f, uint64_t hash)
{
	for (size_t i = hash;; i++) {
		uint32_t *slot = &f->slots[i % SLOTS];
		if (*slot >> INDEX_BITS != f->mark) {
			*slot = f->mark << INDEX_BITS | (uint32_t)f->n;
			return true;
		}
		if (f->v[*slot & ((1 << INDEX_BITS) - 1)].hash == hash)
			return false;
	}
}

void learn_put(struct learn_features *f, enum learn_group g, uint64_t hash, slice text)
{
	hash = mixed(hash + (uint64_t)(g + 1) * 0xa0761d6478bd642f);
	if (f->n == LEARN_FEATURES_MAX) {
		f->cut = true;
		return;
	}
	if (!claim(f, hash))
		return;
	struct learn_feature *x = &f->v[f->n++];
	*x = (struct learn_feature){.hash = hash, .group = (uint8_t)g};
	f->per_group[g]++;
	if (f->keep_texts) {
		x->text = (uint32_t)f->texts.n;
		buf_put(&f->texts, text);
		x->text_n = (uint32_t)(f->texts.n - x->text);
	}
}

void learn_put_pair(struct learn_features *f, enum learn_group g, const struct token *a,
	const struct token *b, unsigned apart)
{
	uint64_t h = a->hash * 0xe7037ed1a0b428db + (b->hash ^ apart) * 0x8ebc6af09c88c6e3;
	if (!f->keep_texts) {
		learn_put(f, g, h, S(""));
		return;
	}
	static const char gap[] = " … … … … … …";
	AUTO(buf) struct buf text = BUF(1000);
	buf_put(&text, a->text);
	buf_put(&text, slice_first(slice_z(gap), 4 * apart));
	buf_byte(&text, ' ');
	buf_put(&text, b->text);
	learn_put(f, g, h, buf_slice(&text));
}

void learn_put_fact(struct learn_features *f, enum learn_group g, slice name, slice value)
{
	char text[2 * FACT_MAX + 1];
	size_t n = 0;
	name = slice_first(name, FACT_MAX);
	value = slice_first(value, FACT_MAX);
	memcpy(text, name.p, name.n);
	n = name.n;
	text[n++] = '=';
	for (size_t i = 0; i < value.n; i++)
		text[n++] = ascii_lower(value.p[i]);
	learn_put(f, g, learn_hash(1, slice_of(text, n)), slice_of(text, n));
}

void learn_put_count(struct learn_features *f, enum learn_group g, slice name, size_t n)
{
	char value[24];
	size_t top = n;
	if (!n)
		return;
	if (n > 2)
		for (top = 4; top < n && top < 1u << 30;)
			top *= 2;
	learn_put_fact(
		f, g, name, slice_of(value, (size_t)snprintf(value, sizeof value, "%zu", top)));
}

void learn_put_share(
	struct learn_features *f, enum learn_group g, slice name, size_t part, size_t whole)
{
	static const char *const tenths[] = {
		"some", "10%", "20%", "30%", "40%", "50%", "60%", "70%", "80%", "90%", "all"};
	if (!whole || !part)
		return;
	size_t tenth = part >= whole ? 10 : part * 10 / whole;
	learn_put_fact(f, g, name, slice_z(tenths[tenth]));
}

void learn_put_flag(struct learn_features *f, enum learn_group g, slice name, bool is)
{
	if (is)
		learn_put_fact(f, g, name, S("yes"));
}

slice learn_feature_text(const struct learn_features *f, size_t i)
{
	return f->keep_texts ? slice_of(f->texts.p + f->v[i].text, f->v[i].text_n) : S("");
}

void learn_features_read(
	struct learn_features *f, const struct learn_mail *m, unsigned groups, struct arena *a)
{
	start(f);
	/* Small and telling groups first: they must not fall to the limit. */
	if (groups & 1u << LEARN_SENDER)
		learn_put_sender(f, m, a);
	if (groups & 1u << LEARN_HEADER)
		learn_put_header(f, m);
	if (groups & 1u << LEARN_HTML)
		learn_put_html(f, m);
	if (groups & 1u << LEARN_PARTS)
		learn_put_parts(f, m, a);
	if (groups & 1u << LEARN_SHAPE)
		learn_put_shape(f, m);
	if (groups & 1u << LEARN_LAYOUT)
		learn_put_layout(f, m);
	if (groups & 1u << LEARN_URL)
		learn_put_urls(f, m, a);
	learn_put_words(f, m, groups, ARENA_ARRAY(a, struct token, TOKENS_MAX));
	if (groups & 1u << LEARN_CJK)
		learn_put_cjk(f, m);
}

void learn_features_add_signal(struct learn_features *f, slice name)
{
	learn_put_fact(f, LEARN_SIGNALS, S("found"), name);
}

void learn_group_values(
	const struct learn_features *f, const float gain[LEARN_GROUPS], float ret[LEARN_GROUPS])
{
	for (unsigned g = 0; g < LEARN_GROUPS; g++)
		ret[g] = f->per_group[g] ? gain[g] / sqrtf((float)f->per_group[g]) : 0;
}
