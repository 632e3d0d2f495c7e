/*
 * Asking mirrors (mirror.h): DATA/mirror/NAME.list is mapped when it is there, and again when
 * another one has taken its place. Called by dnsbl.c in every process that asks lists.
 */
#include "base/mem.h"
#include "codec/address.h"
#include "defence/axfr.h"
#include "defence/mirror_conf.h"
#include "run/loop.h"
#include <errno.h>
#include <sys/stat.h>

static const char *const format_words[] = {
	"ip4set", "ip4tset", "ip4trie", "ip6tset", "ip6trie", "dnset", "combined", NULL};
_Static_assert(RBLDNSD_COMBINED == 6, "format_words");

#define T struct mirror_conf
static const struct conf_key keys[] = {CONF_KEY_STRING(T, file, "",
					       "A file in DATA/mirror, in a format of rbldnsd; "
					       "loaded again when it changes. Write it "
					       "under another name and rename it.",
					       "DATA/mirror 中的文件，采用 rbldnsd "
					       "的格式；变化后重新载入。请先写成别的名字再改名。"),
	CONF_KEY_ENUM(T, format, "combined", format_words, "The format of the file.", "文件格式。"),
	CONF_KEY_STRING(T, subzone, "@",
		"combined: only data sets for this name below the zone; @: for the zone itself.",
		"combined：只取区域下该名字的数据集；@：区域本身。"),
	CONF_KEY_ADDRS(T, transfer_from, "", 53,
		"Instead of a file: a name server that gives the zone away (AXFR).",
		"不用文件时：提供区域传输（AXFR）的名字服务器。"),
	CONF_KEY_STRING(T, zone, "", "The zone to transfer.", "要传输的区域。"),
	CONF_KEY_STRING(T, tsig_name, "", "Name of the TSIG key, if the server wants one.",
		"TSIG 密钥的名字（若对方要求）。"),
	CONF_KEY_STRING(T, tsig_algorithm, "hmac-sha256",
		"hmac-sha1, -sha224, -sha256, -sha384, -sha512.",
		"hmac-sha1、-sha224、-sha256、-sha384、-sha512。"),
	CONF_KEY_SECRET(T, tsig_secret, "The key, in base64.", "密钥，base64 编码。"),
	CONF_KEY_DURATION(T, refresh, "30m", MINUTE, 7 * DAY,
		"How often the server is asked for a newer zone.",
		"多久询问一次是否有更新的区域。"),
	CONF_END};
#undef T

static bool plain_name(slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = ascii_lower(s.p[i]);
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
			    (c == '.' && i > 0)))
			return false;
	}
	return s.n > 0 && s.n < 100;
}

static void check(const void *value, slice instance, struct conf_check *c)
{
	const struct mirror_conf *v = value;
	if (!plain_name(instance))
		conf_complain(c, "file", "the section's name must be letters, digits, - and _",
			"小节名只能含字母、数字、- 和 _");
	if ((v->file.n > 0) == (v->transfer_from.n > 0))
		conf_complain(c, "file", "or transfer_from is needed, one of them",
			"与 transfer_from 必须给出其中一个");
	if (v->file.n && !plain_name(v->file))
		conf_complain(c, "file", "is a plain name in DATA/mirror, without a path",
			"是 DATA/mirror 中的文件名，不带路径");
	if (v->transfer_from.n && !domain_valid(v->zone, false))
		conf_complain(c, "zone", "is no domain name", "不是域名");
	if (!tsig_algorithm_known(v->tsig_algorithm))
		conf_complain(c, "tsig_algorithm", "is unknown", "未知");
	if ((v->tsig_name.n > 0) != (v->tsig_secret.value.n > 0))
		conf_complain(c, "tsig_name", "and tsig_secret go together",
			"与 tsig_secret 必须同时给出");
}

const struct conf_section mirror_section = {
	.name = "mirror",
	.keys = keys,
	.size = sizeof(struct mirror_conf),
	.named = true,
	.doc_en = "A local copy of a list, for `mirror` in [dnsbl]: from a file in DATA/mirror "
		  "(fetched "
		  "by rsync, for example) or by zone transfer.",
	.doc_zh = "名单的本地副本，供 [dnsbl] 的 mirror 使用：来自 DATA/mirror 中的文件（例如用 "
		  "rsync "
		  "取得），或用区域传输。",
	.check = check,
};

/* ---- asking ---- */

#define LOOK_EVERY (5 * SECOND)

struct one {
	slice name;
	const char *path;
	struct mirror_data *data;
	ino_t inode;
	instant next_look;
};
struct mirrors {
	struct arena mem;
	struct one v[MIRRORS_MAX];
	size_t n;
};

slice mirror_list_path(slice data, slice name, struct arena *a)
{
	return arena_printf(a, "%.*s/mirror/%.*s.list", SFMT(data), SFMT(name));
}

struct mirrors *mirrors_open(const struct conf *conf, slice data)
{
	struct mirrors *m = NEW(struct mirrors);
	for (size_t i = 0; i < conf_count(conf, &mirror_section) && i < MIRRORS_MAX; i++) {
		struct one *o = &m->v[m->n++];
		conf_nth(conf, &mirror_section, i, &o->name);
		o->path = arena_strz(&m->mem, mirror_list_path(data, o->name, &m->mem));
	}
	return m;
}

void mirrors_close(struct mirrors *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->n; i++)
		mirror_unmap(m->v[i].data);
	arena_done(&m->mem);
	free(m);
}

int mirrors_index(const struct mirrors *m, slice name)
{
	for (size_t i = 0; i < m->n; i++)
		if (slice_eq(m->v[i].name, name))
			return (int)i;
	return -1;
}

static void look(struct one *o)
{
	struct stat st;
	struct mirror_data *fresh;
	struct err e;
	instant now = instant_now();
	if (now < o->next_look)
		return;
	o->next_look = now + LOOK_EVERY;
	if (stat(o->path, &st) < 0 || (o->data && st.st_ino == o->inode))
		return;
	if (mirror_map(slice_z(o->path), &fresh, &e) < 0) {
		log_warn(NULL, "mirror.map", F("mirror", o->name), F("error", &e));
		return;
	}
	mirror_unmap(o->data);
	o->data = fresh;
	o->inode = st.st_ino;
}

static enum mirror_answer answer(uint32_t code, uint32_t *ret_code)
{
	if (!code)
		return MIRROR_NOT;
	*ret_code = code;
	return MIRROR_LISTED;
}

enum mirror_answer mirrors_ip(
	struct mirrors *m, int index, const struct net_addr *ip, uint32_t *ret_code)
{
	struct one *o = &m->v[index];
	look(o);
	return o->data ? answer(mirror_find_ip(o->data, ip), ret_code) : MIRROR_UNKNOWN;
}

enum mirror_answer mirrors_name(struct mirrors *m, int index, slice name, uint32_t *ret_code)
{
	struct one *o = &m->v[index];
	look(o);
	return o->data ? answer(mirror_find_name(o->data, name), ret_code) : MIRROR_UNKNOWN;
}
